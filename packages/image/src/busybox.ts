/**
 * The busybox of an image: the system's own, or for another architecture one that is fetched once and kept in the
 * cache, where it may also be put by hand.
 */
import { join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { cachePaths } from "./cache-directory.ts";
import type { BusyboxSource } from "./image-recipe.ts";
import { type Progress, runRecipe } from "./recipe-process.ts";
import { BUILD_LOG, folderExists, storeOnce } from "./store.ts";

export interface FindBusyboxOptions {
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * The path of the busybox; fetches it where it has to.
 * @throws RingsideError `image_missing` where it cannot be fetched
 */
export async function findBusybox(source: BusyboxSource, options: FindBusyboxOptions): Promise<string> {
  if (source.kind === "installed") return source.path;
  const { cacheDir, signal, onProgress } = options;
  const target = cachePaths.busybox(cacheDir, source.arch);
  try {
    await storeOnce({
      cacheDir,
      what: `busybox-${source.arch}`,
      target,
      signal,
      onWait: () => onProgress({ percent: 0, text: "another builder fetches busybox, waiting" }),
      isGood: folderExists,
      build: (folder) =>
        runRecipe({
          command: source.script,
          args: ["--out", folder, "--arch", source.arch],
          logFile: join(folder, BUILD_LOG),
          priority: "usual",
          signal,
          onProgress,
        }),
    });
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof RingsideError) throw new RingsideError("image_missing", { message: cause.message, cause });
    throw cause;
  }
  return join(target, "busybox");
}
