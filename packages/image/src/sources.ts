import { join } from "node:path";
import type { Image } from "./load-image.ts";

/** What a kernel's debug information calls the folder of its source tree, wherever it really was built. */
export const KERNEL_SOURCE_ROOT = "/usr/src/ringside-linux";

/** The image's archive of the source files that its kernel was compiled from (tar, gzip); it need not be there. */
export function sourcesPath(image: Pick<Image, "folder">): string {
  return join(image.folder, "sources.tar.gz");
}
