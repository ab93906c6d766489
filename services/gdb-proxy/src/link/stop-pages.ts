import { PAGE_BYTES } from "@ringside/link";
import { askAll, type Conversation } from "../hub/conversation.ts";
import { LINK_STOP_PAGES_MAX, STUB_MEMORY_BYTES_MAX } from "../limits.ts";
import { pageOf } from "./guest-memory.ts";

const MEMORY_READ = /^m([0-9a-f]{1,16}),([0-9a-f]{1,8})$/;
const LAST_PAGE = pageOf((1n << 64n) - 1n);

/** The pages that were read of a machine as it stands now, at most LINK_STOP_PAGES_MAX: the oldest is forgotten. */
export class StopPages {
  readonly #isMemory: (page: bigint) => boolean;
  /** Null: it cannot be read as a page. */
  readonly #pages = new Map<bigint, Buffer | null>();
  #fresh: Array<{ readonly page: bigint; readonly bytes: Buffer }> = [];

  /** @param isMemory whether a page may be read although gdb did not ask for all of it */
  constructor(isMemory: (page: bigint) => boolean) {
    this.#isMemory = isMemory;
  }

  /** Whether it was read already, with or without success. */
  has(page: bigint): boolean {
    return this.#pages.has(page);
  }

  /** @returns null where it was not read, or not with success */
  get(page: bigint): Buffer | null {
    return this.#pages.get(page) ?? null;
  }

  /** The page, read if it is not known; null where it cannot be read as a page. */
  *read(page: bigint): Conversation<Buffer | null> {
    if (!this.has(page)) yield* this.readAll([page]);
    return this.get(page);
  }

  /** Reads those of the pages that are not known, all together. */
  *readAll(pages: readonly bigint[]): Conversation<void> {
    const unknown = [...new Set(pages)].filter((page) => !this.has(page));
    const readable = unknown.filter((page) => page >= 0n && page <= LAST_PAGE && this.#isMemory(page));
    const pieces = yield* askAll(readable.flatMap(questionsFor));
    for (const page of unknown) {
      const place = readable.indexOf(page) * PIECES;
      this.#keep(page, place < 0 ? null : pageOfPieces(pieces.slice(place, place + PIECES)));
    }
  }

  #keep(page: bigint, bytes: Buffer | null): void {
    this.#pages.set(page, bytes);
    if (bytes !== null) this.#fresh.push({ page, bytes });
    if (this.#pages.size <= LINK_STOP_PAGES_MAX) return;
    const oldest = this.#pages.keys().next();
    if (!oldest.done) this.#pages.delete(oldest.value);
  }

  /** What was read since this was called last. */
  takeFresh(): ReadonlyArray<{ readonly page: bigint; readonly bytes: Buffer }> {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** A little-endian number from a page that is known; null elsewhere. */
  pointer(address: bigint, bytes: 4 | 8): bigint | null {
    const page = this.get(pageOf(address));
    const offset = Number(address - pageOf(address));
    if (page === null || offset + bytes > PAGE_BYTES) return null;
    return bytes === 8 ? page.readBigUInt64LE(offset) : BigInt(page.readUInt32LE(offset));
  }

  /** Runs a conversation, but answers its reads of memory from the pages that are known. */
  *over<T>(talk: Conversation<T>): Conversation<T> {
    let step = talk.next();
    while (!step.done) {
      const known = typeof step.value === "string" ? this.#answer(step.value) : null;
      step = talk.next(known ?? (yield step.value));
    }
    return step.value;
  }

  #answer(payload: string): string | null {
    const [, digits = "", count = ""] = MEMORY_READ.exec(payload) ?? [];
    if (digits === "") return null;
    let address = BigInt(`0x${digits}`);
    let left = Number.parseInt(count, 16);
    if (left === 0 || left > STUB_MEMORY_BYTES_MAX) return null;
    let hex = "";
    while (left > 0) {
      const page = this.get(pageOf(address));
      if (page === null) return null;
      const offset = Number(address - pageOf(address));
      const bytes = Math.min(left, PAGE_BYTES - offset);
      hex += page.toString("hex", offset, offset + bytes);
      address += BigInt(bytes);
      left -= bytes;
    }
    return hex;
  }
}

const PIECES = PAGE_BYTES / STUB_MEMORY_BYTES_MAX;

/** A page is read in pieces that QEMU takes. */
function questionsFor(page: bigint): readonly string[] {
  const length = STUB_MEMORY_BYTES_MAX.toString(16);
  return Array.from(
    { length: PIECES },
    (_, n) => `m${(page + BigInt(n * STUB_MEMORY_BYTES_MAX)).toString(16)},${length}`,
  );
}

/** Null where some of it could not be read. */
function pageOfPieces(pieces: readonly string[]): Buffer | null {
  const bytes = Buffer.allocUnsafeSlow(PAGE_BYTES);
  for (const [n, piece] of pieces.entries()) {
    // A digit that is none ends what is written.
    if (piece.length !== 2 * STUB_MEMORY_BYTES_MAX) return null;
    if (bytes.write(piece, n * STUB_MEMORY_BYTES_MAX, "hex") !== STUB_MEMORY_BYTES_MAX) return null;
  }
  return bytes;
}
