import { join } from "node:path";
import type { Image } from "./load-image.ts";

/**
 * The source trees that an image brings: what debug information calls a tree's folder, wherever it really was built,
 * and the archive (tar, gzip) beside the image's manifest that holds the files which were compiled.
 */
export const SOURCE_TREES = {
  kernel: { root: "/usr/src/ringside-linux", archive: "sources.tar.gz" },
  programs: { root: "/usr/src/ringside-initrd", archive: "program-sources.tar.gz" },
} as const;
export type SourceTreeName = keyof typeof SOURCE_TREES;

/** The image's archive of one of its source trees; it need not be there. */
export function sourcesPath(image: Pick<Image, "folder">, tree: SourceTreeName): string {
  return join(image.folder, SOURCE_TREES[tree].archive);
}
