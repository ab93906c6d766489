import { PAGE_BYTES } from "@ringside/link";
import type { Conversation } from "../hub/conversation.ts";
import { AHEAD_FIRST_PAGES_MAX, AHEAD_PAGES_MAX, AHEAD_STREAMS_MAX, PAGES_TOGETHER_MAX } from "../limits.ts";
import type { Budget } from "./budget.ts";
import type { StopPages } from "./stop-pages.ts";

/** A place where a client reads on: the page that it will miss next, and how many came beside the last miss. */
interface Stream {
  readonly next: bigint;
  readonly ahead: number;
}

const PAGE = BigInt(PAGE_BYTES);

/**
 * Reads more where a client reads in sequence: each miss that follows on another brings twice as many pages.
 * Several sequences may take turns, as a log's descriptors, infos and texts do.
 */
export class ReadAhead {
  #streams: readonly Stream[] = [];

  /** The machine has run: what was read there is over. */
  reset(): void {
    this.#streams = [];
  }

  /**
   * @param missed pages that the client asked for; they have been read
   * @param first whether a few pages are worth reading on no more ground than one miss
   */
  *after(missed: readonly bigint[], first: boolean, pages: StopPages, budget: Budget): Conversation<void> {
    const [start] = missed;
    const last = missed.at(-1);
    if (start === undefined || last === undefined) return;
    const stream = this.#streams.find(({ next }) => start === next);
    const ahead =
      stream === undefined ? (first ? AHEAD_FIRST_PAGES_MAX : 0) : Math.min(AHEAD_PAGES_MAX, 2 * stream.ahead || 1);
    const others = this.#streams.filter((other) => other !== stream).slice(-(AHEAD_STREAMS_MAX - 1));
    const next = yield* this.#on(last + PAGE, ahead, pages, budget);
    this.#streams = [...others, { next, ahead }];
  }

  /** @returns the first page that was not read */
  *#on(from: bigint, ahead: number, pages: StopPages, budget: Budget): Conversation<bigint> {
    let page = from;
    let left = ahead;
    while (left > 0) {
      if (pages.get(page) !== null) {
        page += PAGE;
        continue;
      }
      if (pages.has(page)) break;
      const together: bigint[] = [];
      while (together.length < Math.min(left, PAGES_TOGETHER_MAX) && budget.take()) {
        together.push(page + BigInt(together.length) * PAGE);
      }
      yield* pages.readAll(together);
      const failed = together.find((one) => pages.get(one) === null);
      left -= together.length;
      page = failed ?? page + BigInt(together.length) * PAGE;
      if (failed !== undefined || together.length === 0) break;
    }
    return page;
  }
}
