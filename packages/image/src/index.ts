export { type BuildImageOptions, buildImage } from "./build-image.ts";
export { cacheDirectory } from "./cache-directory.ts";
export { readBuildId } from "./elf.ts";
export type { ImageRecipe } from "./image-recipe.ts";
export { listImageFolders } from "./list-images.ts";
export { findImage, type Image, imagePath, loadImage } from "./load-image.ts";
export { withLock } from "./lock.ts";
export type { Progress } from "./recipe-process.ts";
export { KERNEL_SOURCE_ROOT, sourcesPath } from "./sources.ts";
