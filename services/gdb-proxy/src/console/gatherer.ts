import { CONSOLE_GATHER_BYTES, CONSOLE_GATHER_MS } from "../limits.ts";

/**
 * Gathers output for a moment: a guest's serial line brings bytes one by one, and each piece costs a write to
 * the trace and a frame a client.
 */
export class Gatherer {
  readonly #take: (bytes: Buffer) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(take: (bytes: Buffer) => void) {
    this.#take = take;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= CONSOLE_GATHER_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), CONSOLE_GATHER_MS);
  }

  /** Hands on what there is. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#bytes === 0) return;
    const [first] = this.#pieces;
    const gathered = first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    this.#take(gathered);
  }
}
