import assert from "node:assert/strict";
import { LINE_BYTES, LINES_SENT_MAX, PAGE_BYTES } from "./limits.ts";
import type { PageHead } from "./messages.ts";
import { KeptPages, LINES_PER_PAGE, maskOfLines, type Page } from "./pages.ts";

/** Pages as they stand in one message. */
export interface SentPages {
  readonly heads: readonly PageHead[];
  readonly bytes: readonly Uint8Array[];
}

/**
 * The cell's end of the pages of one WebSocket: sends of each page what has changed since it was sent last. What it
 * gives must be sent, in the order in which it was given.
 */
export class PageSender {
  readonly #kept = new KeptPages();

  /** Pages that are held, for the limit's test. */
  get size(): number {
    return this.#kept.size;
  }

  /** A page as it was sent last; null where that is forgotten. */
  sentLast(at: string): Uint8Array | null {
    return this.#kept.get(at);
  }

  /** @param pages of PAGE_BYTES each; their bytes must not be changed afterwards */
  encode(pages: readonly Page[]): SentPages {
    const heads: PageHead[] = [];
    const bytes: Uint8Array[] = [];
    for (const page of pages) heads.push(this.#encode(page, bytes));
    return { heads, bytes };
  }

  #encode({ at, bytes }: Page, out: Uint8Array[]): PageHead {
    assert(bytes.length === PAGE_BYTES, "a page has PAGE_BYTES");
    const before = this.#kept.get(at);
    this.#kept.keep(at, bytes);
    const changed = before === null ? null : changedLines(before, bytes);
    if (changed === null || changed.length > LINES_SENT_MAX) {
      out.push(bytes);
      return { as: "full", at };
    }
    if (changed.length === 0) return { as: "same", at };
    for (const line of changed) out.push(bytes.subarray(line * LINE_BYTES, (line + 1) * LINE_BYTES));
    return { as: "lines", at, lines: maskOfLines(changed) };
  }
}

function changedLines(before: Uint8Array, now: Uint8Array): readonly number[] {
  if (Buffer.compare(before, now) === 0) return [];
  const changed: number[] = [];
  for (let line = 0; line < LINES_PER_PAGE; line += 1) {
    const [start, end] = [line * LINE_BYTES, (line + 1) * LINE_BYTES];
    if (Buffer.compare(before.subarray(start, end), now.subarray(start, end)) !== 0) changed.push(line);
  }
  return changed;
}
