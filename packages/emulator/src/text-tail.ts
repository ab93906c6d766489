/** The last bytes of a text stream, for people: control characters become spaces. */
export class TextTail {
  readonly #bytesMax: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    const kept = Buffer.concat([this.#bytes, chunk.subarray(-this.#bytesMax)]);
    this.#bytes = Buffer.from(kept.subarray(-this.#bytesMax));
  }

  toString(): string {
    return this.#bytes
      .toString("utf8")
      .replace(/[^\P{Cc}\n]/gu, " ")
      .trim();
  }
}
