import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import type { ImageManifest } from "@ringside/shared";
import { Lane } from "../lane.ts";
import { COMPRESSION_CHUNK_BYTES, COMPRESSIONS_WAITING_MAX } from "../limits.ts";

/** zstd's: half a second for a kernel's debug file; higher ones take much longer for a little less. */
const COMPRESSION_LEVEL = 3;

/** A file of an image. */
type ImageFile = ImageManifest["files"]["debug"];

export interface CompressedFile {
  readonly path: string;
  readonly bytes: number;
}

const TEMPORARY = ".new";

/**
 * Files in zstd form, compressed when somebody first asks and kept by the digest of what they hold. Of several who
 * ask at once, one compresses; one file at a time. A kernel's debug file takes half a second and a third of its size.
 */
export class CompressedFiles {
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #under = new Map<string, Promise<CompressedFile>>();
  readonly #lane = new Lane(1, COMPRESSIONS_WAITING_MAX);

  private constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** @param signal the server shuts down */
  static async open(dataDir: string, signal: AbortSignal): Promise<CompressedFiles> {
    const folder = join(dataDir, "compressed");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const left of await readdir(folder)) {
      if (left.endsWith(TEMPORARY)) {
        await rm(join(folder, left), { force: true });
      }
    }
    return new CompressedFiles(folder, signal);
  }

  /**
   * @param path where the file is
   * @param file its digest
   */
  async find(path: string, { sha256 }: Pick<ImageFile, "sha256">): Promise<CompressedFile> {
    const target = join(this.#folder, `${sha256}.zst`);
    const there = await stat(target).catch(() => null);
    if (there !== null) {
      return { path: target, bytes: there.size };
    }
    let work = this.#under.get(sha256);
    if (work === undefined) {
      work = this.#lane.run(() => this.#compress(path, target)).finally(() => this.#under.delete(sha256));
      this.#under.set(sha256, work);
    }
    return work;
  }

  async #compress(path: string, target: string): Promise<CompressedFile> {
    const temporary = `${target}.${randomUUID()}${TEMPORARY}`;
    const compress = createZstdCompress({
      chunkSize: COMPRESSION_CHUNK_BYTES,
      params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL },
    });
    const source = createReadStream(path, { highWaterMark: COMPRESSION_CHUNK_BYTES });
    try {
      await pipeline(source, compress, createWriteStream(temporary, { mode: 0o600 }), {
        signal: this.#signal,
      });
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
    return { path: target, bytes: (await stat(target)).size };
  }
}
