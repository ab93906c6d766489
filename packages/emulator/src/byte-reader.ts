/** Takes counted bytes from a stream of chunks; holds no more than was asked for and one chunk. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer[] = [];
  #bytes = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** @throws Error where the stream ends before; what the stream throws */
  async take(bytes: number): Promise<Buffer> {
    while (this.#bytes < bytes) {
      if (!(await this.#more())) throw new Error("it ends too early");
    }
    const all = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held);
    this.#held = [all.subarray(bytes)];
    this.#bytes -= bytes;
    return all.subarray(0, bytes);
  }

  async atEnd(): Promise<boolean> {
    while (this.#bytes === 0) {
      if (!(await this.#more())) return true;
    }
    return false;
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#held.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
    this.#bytes += next.value.byteLength;
    return true;
  }
}
