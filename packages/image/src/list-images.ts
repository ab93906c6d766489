import { readdir } from "node:fs/promises";
import { cachePaths } from "./cache-directory.ts";
import { IMAGES_LISTED_MAX } from "./limits.ts";

const DIGEST = /^[0-9a-f]{64}$/;

const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

/**
 * The folders of all builds of all images in the cache, for `loadImage`; at most IMAGES_LISTED_MAX.
 * @param cacheDir see `cacheDirectory`
 */
export async function listImageFolders(cacheDir: string): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const name of await namesIn(cachePaths.images(cacheDir))) {
    for (const build of await namesIn(`${cachePaths.images(cacheDir)}/${name}`)) {
      if (DIGEST.test(build)) folders.push(cachePaths.image(cacheDir, name, build));
      if (folders.length === IMAGES_LISTED_MAX) return folders;
    }
  }
  return folders;
}
