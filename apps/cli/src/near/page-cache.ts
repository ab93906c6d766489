import { PAGE_BYTES } from "@ringside/link";
import { NEAR_PAGES_MAX } from "../limits.ts";

/** Pages by their address, in hex as on the link. */
export type Pages = ReadonlyMap<string, Uint8Array>;

const PAGE = BigInt(PAGE_BYTES);
const ADDRESSES = 1n << 64n;

/** The pages that a read touches, lowest first; null where it leaves the address space. */
export function pagesOf(address: bigint, bytes: number): readonly string[] | null {
  const end = address + BigInt(bytes);
  if (end > ADDRESSES) return null;
  const pages: string[] = [];
  for (let at = address - (address % PAGE); at < end; at += PAGE) pages.push(at.toString(16));
  return pages;
}

/** The pages of one stop. Holds at most NEAR_PAGES_MAX: then it forgets all of them. */
export class PageCache {
  readonly #pages = new Map<string, Uint8Array>();
  readonly #missing = new Set<string>();

  has(page: string): boolean {
    return this.#pages.has(page);
  }

  /** The page was asked for and cannot be given. */
  isMissing(page: string): boolean {
    return this.#missing.has(page);
  }

  drop(): void {
    this.#pages.clear();
    this.#missing.clear();
  }

  add(pages: Pages, missing: readonly string[]): void {
    if (this.#pages.size + this.#missing.size + pages.size + missing.length > NEAR_PAGES_MAX) this.drop();
    for (const [at, bytes] of pages) {
      this.#pages.set(at, bytes);
      this.#missing.delete(at);
    }
    for (const at of missing) if (!this.#pages.has(at)) this.#missing.add(at);
  }

  /** Changes bytes of a page, where it is here; it must not be anybody else's. */
  write(address: bigint, bytes: Uint8Array): void {
    const offset = Number(address % PAGE);
    const page = this.#pages.get((address - (address % PAGE)).toString(16));
    if (page !== undefined && offset + bytes.length <= page.length) page.set(bytes, offset);
  }

  /** Hex of bytes whose pages are all here. */
  read(address: bigint, bytes: number): string {
    let hex = "";
    let left = bytes;
    let offset = Number(address % PAGE);
    for (const at of pagesOf(address, bytes) ?? []) {
      const piece = Math.min(left, PAGE_BYTES - offset);
      const page = this.#pages.get(at) ?? new Uint8Array();
      hex += Buffer.from(page.buffer, page.byteOffset + offset, piece).toString("hex");
      left -= piece;
      offset = 0;
    }
    return hex;
  }
}
