import type { TemplateImage } from "@ringside/emulator";
import { findImage, imagePath, loadImage } from "@ringside/image";
import { RingsideError } from "@ringside/shared";

/** The images of this host's cache, each read and checked once. One that is missing is looked for again. */
export class Images {
  readonly #cacheFolder: string;
  readonly #known = new Map<string, Promise<TemplateImage>>();

  constructor(cacheFolder: string) {
    this.#cacheFolder = cacheFolder;
  }

  /**
   * Finds an image.
   * @param which its digest, or its name: then its newest build
   * @throws RingsideError `image_missing`
   */
  find(which: string): Promise<TemplateImage> {
    const known = this.#known.get(which);
    if (known !== undefined) return known;
    const loading = this.#load(which);
    this.#known.set(which, loading);
    loading.catch(() => this.#known.delete(which));
    return loading;
  }

  async #load(which: string): Promise<TemplateImage> {
    const folder = await findImage(this.#cacheFolder, which);
    if (folder === null) {
      const message = `image ${which} is not in ${this.#cacheFolder} on this host`;
      throw new RingsideError("image_missing", { message });
    }
    const image = await loadImage(folder);
    const { digest, arch, commandLine, prompt } = image.manifest;
    const [kernel, initrd] = [imagePath(image, "kernel"), imagePath(image, "initrd")];
    return { digest, arch, commandLine, prompt, kernel, initrd };
  }
}
