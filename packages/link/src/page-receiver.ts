import { FrameError } from "./frame.ts";
import { LINE_BYTES, PAGE_BYTES } from "./limits.ts";
import type { PageHead } from "./messages.ts";
import { bytesOfHead, KeptPages, linesOfMask, type Page } from "./pages.ts";

/** The near agent's end of the pages of one WebSocket. A new WebSocket begins with a new one. */
export class PageReceiver {
  readonly #kept = new KeptPages();

  /** Pages that are held, for the limit's test. */
  get size(): number {
    return this.#kept.size;
  }

  /**
   * The pages of the next message, whole. They are not changed by what follows.
   * @param bytes all that stands behind the message's head
   * @throws FrameError for bytes that do not fit the heads, and for a change of a page that was not sent before; the
   *   WebSocket is of no use then
   */
  take(heads: readonly PageHead[], bytes: Uint8Array): readonly Page[] {
    const pages: Page[] = [];
    let from = 0;
    for (const head of heads) {
      const to = from + bytesOfHead(head);
      if (to > bytes.length) throw new FrameError("page bytes are missing");
      const page = this.#whole(head, bytes.subarray(from, to));
      this.#kept.keep(head.at, page);
      pages.push({ at: head.at, bytes: page });
      from = to;
    }
    if (from !== bytes.length) throw new FrameError("there are more bytes than pages");
    return pages;
  }

  #whole(head: PageHead, bytes: Uint8Array): Uint8Array {
    if (head.as === "full") return Uint8Array.from(bytes);
    const before = this.#kept.get(head.at);
    if (before === null) throw new FrameError("a page has changed that was not sent before");
    if (head.as === "same") return before;
    const page = new Uint8Array(PAGE_BYTES);
    page.set(before);
    for (const [i, line] of linesOfMask(head.lines).entries()) {
      page.set(bytes.subarray(i * LINE_BYTES, (i + 1) * LINE_BYTES), line * LINE_BYTES);
    }
    return page;
  }
}
