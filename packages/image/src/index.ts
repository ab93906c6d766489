export { type BuildImageOptions, buildImage } from "./build-image.ts";
export { cacheDirectory } from "./cache-directory.ts";
export type { ImageRecipe } from "./image-recipe.ts";
export { findImage, type Image, imagePath, loadImage } from "./load-image.ts";
export type { Progress } from "./recipe-process.ts";
