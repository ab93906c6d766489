import { join } from "node:path";
import { type Image, listImageFolders, loadImage, readBuildId, type SourceTreeName } from "@ringside/image";
import type { ImageManifest } from "@ringside/shared";
import { BUILD_IDS_CACHE_MS } from "../limits.ts";

/** A file that has a build-id, with the image that it belongs to. */
export interface BuiltFile {
  readonly image: Image;
  readonly file: ImageManifest["files"]["debug"];
  /** The tree whose sources its debug information names. */
  readonly sources: SourceTreeName;
}

/**
 * Which files of this server's images have which build-id. Read once for each build of an image; builds that have
 * come since are looked for when an unknown id is asked for, every BUILD_IDS_CACHE_MS at most.
 */
export class BuildIds {
  readonly #cacheDir: string;
  readonly #read = new Set<string>();
  readonly #files = new Map<string, BuiltFile>();
  #looked: { readonly atMs: number; readonly done: Promise<void> } | null = null;

  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
  }

  /**
   * @param id hex
   * @returns null where no image has a file of that id
   */
  async find(id: string): Promise<BuiltFile | null> {
    const known = this.#files.get(id);
    if (known !== undefined) {
      return known;
    }
    await this.#look();
    return this.#files.get(id) ?? null;
  }

  /** What has been removed since: the next to ask finds another image with the same file, or none. */
  forget(id: string): void {
    const { image } = this.#files.get(id) ?? {};
    for (const [other, file] of this.#files) {
      if (file.image === image) {
        this.#files.delete(other);
      }
    }
    this.#read.clear();
    this.#looked = null;
  }

  async #look(): Promise<void> {
    if (this.#looked === null || performance.now() - this.#looked.atMs >= BUILD_IDS_CACHE_MS) {
      this.#looked = { atMs: performance.now(), done: this.#readNew() };
    }
    await this.#looked.done;
  }

  async #readNew(): Promise<void> {
    for (const folder of await listImageFolders(this.#cacheDir)) {
      if (this.#read.has(folder)) {
        continue;
      }
      // One that is being built, or is damaged, is looked at again the next time.
      const image = await loadImage(folder).catch(() => null);
      if (image !== null) {
        await this.#readImage(image);
        this.#read.add(folder);
      }
    }
  }

  async #readImage(image: Image): Promise<void> {
    const { files, programs } = image.manifest;
    for (const file of [files.debug, ...Object.values(programs)]) {
      const id = await readBuildId(join(image.folder, file.path)).catch(() => null);
      if (id !== null && !this.#files.has(id)) {
        this.#files.set(id, { image, file, sources: file === files.debug ? "kernel" : "programs" });
      }
    }
  }
}
