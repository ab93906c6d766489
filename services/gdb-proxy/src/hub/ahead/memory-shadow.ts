import { bytesOfHex, hexOfBytes } from "@ringside/rsp";
import { STUB_MEMORY_BYTES_MAX } from "../../limits.ts";
import type { Conversation } from "../conversation.ts";
import type { WrittenBytes } from "./log.ts";
import type { Translation } from "./translation.ts";

const PAGE_BYTES = 4_096;
const PAGE = BigInt(PAGE_BYTES);

/** A piece of memory that lies within one page. */
interface Piece {
  readonly address: bigint;
  readonly physical: bigint;
  readonly bytes: number;
  readonly takesWrites: boolean;
  readonly isCode: boolean;
}

/**
 * The machine's memory as steps ahead of a debugger have it: each page is read once, and then kept as the steps write
 * it. By physical addresses, for one page may have several others. Bounded by the pages that so few steps can touch.
 */
export class MemoryShadow {
  readonly translation: Translation;
  readonly #pages = new Map<bigint, Uint8Array>();

  constructor(translation: Translation) {
    this.translation = translation;
  }

  /** Bytes at an address; null where they are not memory that may be read. */
  *read(address: bigint, length: number): Conversation<Uint8Array | null> {
    const out = new Uint8Array(length);
    let at = 0;
    for (const piece of (yield* this.#pieces(address, length)) ?? []) {
      const page = yield* this.#page(piece);
      if (page === null) return null;
      out.set(page.subarray(offsetOf(piece), offsetOf(piece) + piece.bytes), at);
      at += piece.bytes;
    }
    return at === length ? out : null;
  }

  /** Code at an address, as far as it is code, at most `length` bytes. */
  *code(address: bigint, length: number): Conversation<Uint8Array> {
    const first = Math.min(length, PAGE_BYTES - Number(address % PAGE));
    const parts: Uint8Array[] = [];
    for (const [at, bytes] of [
      [address, first],
      [address + BigInt(first), length - first],
    ] as const) {
      const mapping = bytes === 0 ? null : yield* this.translation.of(at);
      const part = mapping?.isCode === true ? yield* this.read(at, bytes) : null;
      if (part === null) break;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /**
   * What stands where something will write; null where it cannot write so that it can be taken back.
   * @param how "anew": asked of the stub, as a device may have written there; "known": as the steps have it
   */
  *before(address: bigint, length: number, how: "anew" | "known"): Conversation<readonly WrittenBytes[] | null> {
    const pieces = yield* this.#pieces(address, length);
    if (pieces === null) return null;
    const written: WrittenBytes[] = [];
    for (const piece of pieces) {
      if (!piece.takesWrites || this.translation.isTable(piece.physical)) return null;
      const before = yield* how === "anew"
        ? readStub(piece.address, piece.bytes)
        : this.read(piece.address, piece.bytes);
      if (before === null) return null;
      const { address: at, physical } = piece;
      written.push({ address: at, physical, before, after: before });
    }
    return written;
  }

  /** What stands there now that it has been written. @returns null where that cannot be told */
  *after(written: readonly WrittenBytes[]): Conversation<readonly WrittenBytes[] | null> {
    const now: WrittenBytes[] = [];
    for (const piece of written) {
      const after = yield* readStub(piece.address, piece.before.length);
      if (after === null) return null;
      this.#pages.get(pageOf(piece.physical))?.set(after, Number(piece.physical % PAGE));
      now.push({ ...piece, after });
    }
    return now;
  }

  *#pieces(address: bigint, length: number): Conversation<readonly Piece[] | null> {
    const pieces: Piece[] = [];
    for (let done = 0; done < length; ) {
      const at = address + BigInt(done);
      const bytes = Math.min(length - done, PAGE_BYTES - Number(at % PAGE));
      const mapping = yield* this.translation.of(at);
      if (mapping === null) return null;
      pieces.push({ ...mapping, address: at, physical: mapping.physical + (at % PAGE), bytes });
      done += bytes;
    }
    return pieces;
  }

  *#page({ address, physical }: Piece): Conversation<Uint8Array | null> {
    const known = this.#pages.get(pageOf(physical));
    if (known !== undefined) return known;
    const page = new Uint8Array(PAGE_BYTES);
    for (let at = 0; at < PAGE_BYTES; at += STUB_MEMORY_BYTES_MAX) {
      const bytes = yield* readStub(pageOf(address) + BigInt(at), STUB_MEMORY_BYTES_MAX);
      if (bytes === null) return null;
      page.set(bytes, at);
    }
    this.#pages.set(pageOf(physical), page);
    return page;
  }
}

const pageOf = (address: bigint): bigint => address - (address % PAGE);
const offsetOf = ({ physical }: Piece): number => Number(physical % PAGE);

/** Bytes as the stub has them; null where it does not give them all. */
export function* readStub(address: bigint, length: number): Conversation<Uint8Array | null> {
  const reply = yield `m${address.toString(16)},${length.toString(16)}`;
  const text = reply.length === 2 * length ? bytesOfHex(reply) : null;
  return text === null ? null : Buffer.from(text, "latin1");
}

/** Writes bytes. @returns false where the stub does not take them */
export function* writeStub(address: bigint, bytes: Uint8Array): Conversation<boolean> {
  const data = hexOfBytes(Buffer.from(bytes).toString("latin1"));
  return (yield `M${address.toString(16)},${bytes.length.toString(16)}:${data}`) === "OK";
}
