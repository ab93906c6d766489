import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Image } from "@ringside/image";
import { SOURCES_TIMEOUT_MS } from "../limits.ts";
import { runChild } from "./child.ts";
import { exists } from "./postgres-files.ts";

/** What the image's recipe leaves beside its manifest: the kernel's source files that its debug file names. */
const ARCHIVE = "sources.tar.gz";

/**
 * The kernel's source tree of an image of this machine, unpacked once into the cache.
 * @returns its folder; undefined where the image brings none or it cannot be unpacked: gdb works without
 */
export async function sourceTree(image: Image, cacheDir: string, signal: AbortSignal): Promise<string | undefined> {
  const archive = join(image.folder, ARCHIVE);
  const folder = join(cacheDir, "source-trees", image.manifest.inputsDigest);
  if (await exists(folder)) return folder;
  if (!(await exists(archive))) return undefined;
  const fresh = `${folder}.${process.pid}.new`;
  await mkdir(fresh, { recursive: true });
  const { code } = await runChild({
    command: "tar",
    args: ["-xzf", archive, "-C", fresh, "--no-same-owner"],
    env: { PATH: "/usr/bin:/bin" },
    timeoutMs: SOURCES_TIMEOUT_MS,
    signal,
  });
  // Another gdb may have unpacked it meanwhile: then the rename fails and its tree serves.
  const done =
    code === 0 &&
    (await rename(fresh, folder).then(
      () => true,
      () => exists(folder),
    ));
  await rm(fresh, { recursive: true, force: true });
  return done ? folder : undefined;
}
