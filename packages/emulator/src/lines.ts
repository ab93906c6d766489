/**
 * Cuts a byte stream into lines and keeps at most `bytesMax` of an unfinished one.
 * A line ends with \n; a \r before it is dropped. Lines are UTF-8.
 */
export class LineSplitter {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that `chunk` finishes, or null when a line is longer than allowed: then the stream is lost. */
  push(chunk: Buffer): readonly string[] | null {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      this.#keep(chunk.subarray(from, at));
      if (this.#bytes > this.#bytesMax) return null;
      const line = Buffer.concat(this.#parts).toString("utf8");
      lines.push(line.endsWith("\r") ? line.slice(0, -1) : line);
      this.#parts = [];
      this.#bytes = 0;
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
    return this.#bytes > this.#bytesMax ? null : lines;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#bytes += part.length;
  }
}
