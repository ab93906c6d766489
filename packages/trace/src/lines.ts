/**
 * Cuts a stream of bytes into lines of bounded length. A line handed out is valid until the next call.
 * What stands after the last newline stays in `rest`.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Bytes of the unfinished line. */
  get rest(): number {
    return this.#pendingBytes;
  }

  /**
   * The lines that this chunk completes, without their newlines; `null` in place of a line that is too long,
   * after which nothing is given any more.
   */
  *push(chunk: Uint8Array): Generator<Buffer | null, void, void> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, start);
      const part = bytes.subarray(start, end === -1 ? bytes.length : end);
      if (this.#pendingBytes + part.length > this.#lineBytesMax) return yield null;
      if (end === -1) {
        // A copy: the chunk may be used again by whoever gave it.
        if (part.length > 0) this.#pending.push(Buffer.from(part));
        this.#pendingBytes += part.length;
        return;
      }
      yield this.#pendingBytes === 0 ? part : Buffer.concat([...this.#pending, part]);
      this.#pending = [];
      this.#pendingBytes = 0;
      start = end + 1;
    }
  }
}
