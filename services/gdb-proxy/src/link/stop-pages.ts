import { PAGE_BYTES } from "@ringside/link";
import type { Conversation } from "../hub/conversation.ts";
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
    const known = this.#pages.get(page);
    if (known !== undefined) return known;
    const bytes = page >= 0n && page <= LAST_PAGE && this.#isMemory(page) ? yield* readPage(page) : null;
    this.#pages.set(page, bytes);
    if (bytes !== null) this.#fresh.push({ page, bytes });
    if (this.#pages.size > LINK_STOP_PAGES_MAX) {
      const oldest = this.#pages.keys().next();
      if (!oldest.done) this.#pages.delete(oldest.value);
    }
    return bytes;
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
      const known = step.value === null ? null : this.#answer(step.value);
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

/** A page, in pieces that QEMU takes; null where some of it cannot be read. */
function* readPage(page: bigint): Conversation<Buffer | null> {
  const bytes = Buffer.allocUnsafeSlow(PAGE_BYTES);
  for (let offset = 0; offset < PAGE_BYTES; offset += STUB_MEMORY_BYTES_MAX) {
    const piece = yield `m${(page + BigInt(offset)).toString(16)},${STUB_MEMORY_BYTES_MAX.toString(16)}`;
    if (piece.length !== 2 * STUB_MEMORY_BYTES_MAX || !/^[0-9a-f]+$/.test(piece)) return null;
    bytes.write(piece, offset, "hex");
  }
  return bytes;
}
