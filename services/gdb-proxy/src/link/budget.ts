/** How much may be read on a guess: so many pages, and only until a time. What gdb asked for is read anyway. */
export class Budget {
  readonly #nowMs: () => number;
  readonly #untilMs: number;
  #pages: number;

  /** @param ms from now on */
  constructor(pages: number, ms: number, nowMs: () => number) {
    this.#pages = pages;
    this.#nowMs = nowMs;
    this.#untilMs = nowMs() + ms;
  }

  /** Takes one page out of it; false where there is none left. */
  take(): boolean {
    if (this.#pages <= 0 || this.#nowMs() >= this.#untilMs) return false;
    this.#pages -= 1;
    return true;
  }
}
