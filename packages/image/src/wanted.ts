/**
 * Images that somebody needs and that are not built: marks in the cache, one empty file each. The api, which starts no
 * processes, leaves them; `ringside up` builds what is marked.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { imageNameSchema, RingsideError } from "@ringside/shared";
import { cachePaths } from "./cache-directory.ts";
import { WANTED_IMAGES_MAX } from "./limits.ts";

const DIGEST = /^[0-9a-f]{64}$/;
/** A digest says what an image is, and not what it is built from. */
const isBuildable = (name: string) => imageNameSchema.safeParse(name).success && !DIGEST.test(name);

/**
 * Marks an image as wanted; done again, it changes nothing.
 * @returns false for what cannot be built by its name, and where WANTED_IMAGES_MAX are marked
 * @throws Error where the cache cannot be written
 */
export async function wantImage(cacheDir: string, name: string): Promise<boolean> {
  if (!isBuildable(name)) return false;
  const marked = await wantedImages(cacheDir);
  if (marked.includes(name)) return true;
  if (marked.length >= WANTED_IMAGES_MAX) return false;
  await mkdir(cachePaths.wanted(cacheDir), { recursive: true });
  await writeFile(join(cachePaths.wanted(cacheDir), name), "");
  return true;
}

/** The names of the images that are marked, at most WANTED_IMAGES_MAX of them. */
export async function wantedImages(cacheDir: string): Promise<readonly string[]> {
  const names: readonly string[] = await readdir(cachePaths.wanted(cacheDir)).catch(() => []);
  return names.filter(isBuildable).sort().slice(0, WANTED_IMAGES_MAX);
}

/** Takes a mark away. */
export async function forgetWantedImage(cacheDir: string, name: string): Promise<void> {
  if (!isBuildable(name)) throw new RingsideError("internal", { message: `'${name}' is no image's name` });
  await rm(join(cachePaths.wanted(cacheDir), name), { force: true });
}
