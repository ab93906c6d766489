import { NEAR_MISMATCHES_SHOWN_MAX } from "../limits.ts";

const SHOWN_CHARS = 64;

/** `--verify-reads`: every read that was answered here is asked of the cell, too, and must come to the same. */
export class Verification {
  readonly #say: (line: string) => void;
  #checked = 0;
  #mismatches = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get mismatches(): number {
    return this.#mismatches;
  }

  /** `0 mismatches of 12`. */
  get words(): string {
    return `${this.#mismatches} mismatches of ${this.#checked}`;
  }

  /** @param local the answer that gdb was given @param there the cell's */
  compare(packet: string, local: string, there: string): void {
    this.#checked += 1;
    if (local === there) return;
    this.#mismatches += 1;
    if (this.#mismatches > NEAR_MISMATCHES_SHOWN_MAX) return;
    let at = 0;
    while (local[at] === there[at]) at += 1;
    const shown = (text: string) => JSON.stringify(text.slice(at, at + SHOWN_CHARS));
    this.#say(`mismatch: ${packet}, from character ${at}: here ${shown(local)}, there ${shown(there)}`);
  }
}
