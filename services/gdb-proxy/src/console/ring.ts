import { CONSOLE_FIRST_BYTES, CONSOLE_LAST_BYTES } from "../limits.ts";

/** The first and the last bytes of a console, so that one who connects later sees the boot and the prompt. */
export class ConsoleRing {
  readonly #firstMax: number;
  readonly #lastMax: number;
  #first: Buffer[] = [];
  #firstBytes = 0;
  #last: Buffer[] = [];
  #lastBytes = 0;
  #lostBytes = 0;

  constructor(firstMax = CONSOLE_FIRST_BYTES, lastMax = CONSOLE_LAST_BYTES) {
    this.#firstMax = firstMax;
    this.#lastMax = lastMax;
  }

  push(bytes: Buffer): void {
    const room = this.#firstMax - this.#firstBytes;
    const head = bytes.subarray(0, room);
    if (head.length > 0) {
      this.#first.push(Buffer.from(head));
      this.#firstBytes += head.length;
    }
    const rest = bytes.subarray(head.length);
    if (rest.length > 0) this.#pushLast(rest);
  }

  /** What is held, in order, with a note where bytes are missing. */
  replay(): Buffer {
    this.#first = [Buffer.concat(this.#first)];
    this.#last = [Buffer.concat(this.#last)];
    const gap = this.#lostBytes === 0 ? "" : `\r\n[ringside: ${this.#lostBytes} bytes are not kept]\r\n`;
    return Buffer.concat([...this.#first, Buffer.from(gap), ...this.#last]);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#firstBytes + this.#lastBytes;
  }

  #pushLast(bytes: Buffer): void {
    const kept = Buffer.from(bytes.subarray(Math.max(0, bytes.length - this.#lastMax)));
    this.#lostBytes += bytes.length - kept.length;
    this.#last.push(kept);
    this.#lastBytes += kept.length;
    // Twice the limit before trimming, so that trimming is rare; single bytes do not pile up as buffers.
    if (this.#lastBytes <= 2 * this.#lastMax && this.#last.length < this.#lastMax / 64) return;
    const all = Buffer.concat(this.#last);
    const trimmed = Buffer.from(all.subarray(Math.max(0, all.length - this.#lastMax)));
    this.#lostBytes += all.length - trimmed.length;
    this.#last = [trimmed];
    this.#lastBytes = trimmed.length;
  }
}
