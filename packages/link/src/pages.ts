import { LINE_BYTES, PAGE_BYTES, PAGES_KEPT_MAX } from "./limits.ts";
import type { PageHead } from "./messages.ts";

/** A page's bytes and where it is: hex without leading zeros. */
export interface Page {
  readonly at: string;
  readonly bytes: Uint8Array;
}

export const LINES_PER_PAGE = PAGE_BYTES / LINE_BYTES;

/**
 * The pages that travelled last, at either end. Both ends do the same with the same heads in the same order, so that
 * both hold the same: each head makes its page the youngest, and beyond PAGES_KEPT_MAX the oldest goes.
 */
export class KeptPages {
  readonly #pages = new Map<string, Uint8Array>();

  get size(): number {
    return this.#pages.size;
  }

  get(at: string): Uint8Array | null {
    return this.#pages.get(at) ?? null;
  }

  keep(at: string, bytes: Uint8Array): void {
    this.#pages.delete(at);
    this.#pages.set(at, bytes);
    if (this.#pages.size <= PAGES_KEPT_MAX) return;
    const oldest = this.#pages.keys().next();
    if (!oldest.done) this.#pages.delete(oldest.value);
  }
}

/** The lines that a head's mask names, lowest first. @param mask 16 hex digits, bit n for line n */
export function linesOfMask(mask: string): readonly number[] {
  const bits = BigInt(`0x${mask}`);
  const lines: number[] = [];
  for (let line = 0; line < LINES_PER_PAGE; line += 1) if ((bits >> BigInt(line)) & 1n) lines.push(line);
  return lines;
}

/** @returns 16 hex digits */
export function maskOfLines(lines: readonly number[]): string {
  let bits = 0n;
  for (const line of lines) bits |= 1n << BigInt(line);
  return bits.toString(16).padStart(LINES_PER_PAGE / 4, "0");
}

/** How many bytes stand behind a head. */
export function bytesOfHead(head: PageHead): number {
  switch (head.as) {
    case "full":
      return PAGE_BYTES;
    case "lines":
      return linesOfMask(head.lines).length * LINE_BYTES;
    case "same":
      return 0;
    default:
      return head satisfies never;
  }
}
