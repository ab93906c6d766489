import type { FileHandle } from "node:fs/promises";

/**
 * How far a file that is being written has come from its beginning without a gap, for who reads along. The writer
 * calls `grown` and, once, `ended`; the reader's `bytes` never go beyond what is there.
 */
export class GrowingFile {
  readonly #file: FileHandle;
  readonly #chunkBytes: number;
  #there = 0;
  #end: { readonly error: unknown } | null = null;
  #change = Promise.withResolvers<void>();

  /** @param chunkBytes most that is read at once */
  constructor(file: FileHandle, chunkBytes: number) {
    this.#file = file;
    this.#chunkBytes = chunkBytes;
  }

  /** @param there bytes from the beginning; fewer than before count as before */
  grown(there: number): void {
    if (there <= this.#there) return;
    this.#there = there;
    this.#tell();
  }

  /** Nothing more comes. @param error why, where it is not whole; undefined where it is */
  ended(error?: unknown): void {
    this.#end ??= { error };
    this.#tell();
  }

  /** All bytes in order, each as soon as it is there. @throws what `ended` was given */
  async *bytes(): AsyncGenerator<Buffer> {
    let at = 0;
    for (;;) {
      while (at < this.#there) {
        const wanted = Math.min(this.#chunkBytes, this.#there - at);
        const { buffer, bytesRead } = await this.#file.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
        if (bytesRead === 0) throw new Error("a file has become shorter while it was read");
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      if (this.#end !== null) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      }
      await this.#change.promise;
    }
  }

  #tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
