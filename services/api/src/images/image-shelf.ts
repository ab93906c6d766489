import { findImage, type Image, loadImage, wantImage } from "@ringside/image";
import { RingsideError } from "@ringside/shared";
import { IMAGE_CACHE_MS, IMAGE_RETRY_AFTER_SECONDS } from "../limits.ts";

/**
 * The images built on this server. Those found are remembered for IMAGE_CACHE_MS, so that a class that starts at
 * once does not read the same manifest a hundred times.
 */
export class ImageShelf {
  readonly #cacheDir: string;
  readonly #found = new Map<string, { readonly atMs: number; readonly image: Promise<Image | null> }>();

  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
  }

  /**
   * @param which an image's name or its digest
   * @returns null where no such image is built
   */
  async find(which: string): Promise<Image | null> {
    const known = this.#found.get(which);
    if (known !== undefined && performance.now() - known.atMs < IMAGE_CACHE_MS) {
      return known.image;
    }
    this.#forgetOld();
    const image = this.#look(which);
    this.#found.set(which, { atMs: performance.now(), image });
    return image;
  }

  /**
   * Where it is not built, its building is asked for: `ringside up` sees to that.
   * @throws RingsideError image_missing
   */
  async need(name: string): Promise<Image> {
    const image = await this.find(name);
    if (image !== null) {
      return image;
    }
    // A cache that this process cannot write leaves the building to the operator.
    const asked = await wantImage(this.#cacheDir, name).catch(() => false);
    const first = `The image ${name} is not built on this server`;
    const message = asked ? `${first}; it is asked for: try again in some minutes` : first;
    throw new RingsideError("image_missing", { message, retryAfterSeconds: IMAGE_RETRY_AFTER_SECONDS });
  }

  async #look(which: string): Promise<Image | null> {
    const folder = await findImage(this.#cacheDir, which);
    if (folder === null) {
      return null;
    }
    return loadImage(folder).catch((error: unknown) => {
      if (error instanceof RingsideError && error.code === "image_missing") {
        return null;
      }
      throw error;
    });
  }

  #forgetOld(): void {
    for (const [which, { atMs }] of this.#found) {
      if (performance.now() - atMs >= IMAGE_CACHE_MS) {
        this.#found.delete(which);
      }
    }
  }
}
