/**
 * Things in the cache are folders that appear complete or not at all: built in a temporary folder
 * beside, put in place by one rename.
 */
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { cachePaths } from "./cache-directory.ts";
import { withLock } from "./lock.ts";
import { RecipeError } from "./recipe-process.ts";

/** The file in a folder under construction that says how it went. */
export const BUILD_LOG = "build.log";
const CACHE_FOLDER_MODE = 0o755;

export interface StoreRequest {
  readonly cacheDir: string;
  /** Names lock and log: `kernel-<digest>`. */
  readonly what: string;
  readonly target: string;
  readonly signal: AbortSignal;
  readonly onWait: () => void;
  /** Whether what stands at the target can be used. */
  readonly isGood: (folder: string) => Promise<boolean>;
  readonly build: (folder: string) => Promise<void>;
}

/** True where a folder stands at the path. */
export async function folderExists(folder: string): Promise<boolean> {
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

const temporaryPrefix = (target: string) => `${basename(target)}.tmp-`;

async function sweep(target: string): Promise<void> {
  for (const name of await readdir(dirname(target))) {
    if (name.startsWith(temporaryPrefix(target)))
      await rm(join(dirname(target), name), { recursive: true, force: true });
  }
}

async function explain(error: RecipeError, request: StoreRequest, folder: string): Promise<RingsideError> {
  const log = cachePaths.log(request.cacheDir, request.what);
  await mkdir(dirname(log), { recursive: true });
  await copyFile(join(folder, BUILD_LOG), log).catch(() => undefined);
  const tail = error.tail.replaceAll(join(folder, BUILD_LOG), log);
  return new RingsideError("internal", {
    message: `${error.message}. The full log is ${log}; it ends with:\n${tail}`,
    cause: error,
  });
}

async function buildInPlace(request: StoreRequest): Promise<void> {
  const temporary = await mkdtemp(join(dirname(request.target), temporaryPrefix(request.target)));
  // Machines run as other users than the builder.
  await chmod(temporary, CACHE_FOLDER_MODE);
  try {
    await request.build(temporary);
    request.signal.throwIfAborted();
    await rm(request.target, { recursive: true, force: true });
    await rename(temporary, request.target);
  } catch (error) {
    throw error instanceof RecipeError ? await explain(error, request, temporary) : error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Makes sure that the target stands, building it unless it does; of several builders at once, one builds. */
export async function storeOnce(request: StoreRequest): Promise<void> {
  if (await request.isGood(request.target)) return;
  await mkdir(dirname(request.target), { recursive: true });
  await withLock(cachePaths.lock(request.cacheDir, request.what), request.signal, request.onWait, async () => {
    if (await request.isGood(request.target)) return;
    // Under the lock nobody else builds this: what lies there was left by a builder that died.
    await sweep(request.target);
    await buildInPlace(request);
  });
}
