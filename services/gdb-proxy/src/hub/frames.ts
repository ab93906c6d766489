import { littleEndianOfHex } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import { PROLOGUE_BYTES, STOP_FRAMES_MAX, STOP_READS_MAX, STUB_MEMORY_BYTES_MAX } from "../limits.ts";
import type { Conversation } from "./conversation.ts";
import { KERNEL_START } from "./kernel-addresses.ts";
import { pushedSinceCall } from "./prologue.ts";

/**
 * Return addresses by the frame-pointer chain (System V ABI): `push rbp; mov rbp,rsp` leaves the caller's
 * rbp at [rbp] and the return address at [rbp+8]. At a function's first instruction the return address is
 * at [rsp], after the push at [rsp+8], and so again before its `ret`. Linux marks the end of a kernel stack
 * with an odd rbp that points to pt_regs (ENCODE_FRAME_POINTER), user programs with 0.
 *
 * Memory is the guest's: every pointer must be canonical and the chain must rise, and frames and reads are bounded.
 */
interface Pointers {
  readonly bytes: 4 | 8;
  readonly ip: string;
  readonly sp: string;
  readonly bp: string;
}

const POINTERS: Readonly<Record<Arch, Pointers>> = {
  x86_64: { bytes: 8, ip: "rip", sp: "rsp", bp: "rbp" },
  i386: { bytes: 4, ip: "eip", sp: "esp", bp: "ebp" },
};

const PAGE_BYTES = 4_096n;
/** A frame larger than this is no frame. */
const FRAME_BYTES_MAX = 16_384n;
const USER_END = 0x0000_8000_0000_0000n;

const pointsSomewhere = (address: bigint, bytes: 4 | 8): boolean =>
  bytes === 4 ? address >= PAGE_BYTES : (address >= PAGE_BYTES && address < USER_END) || address >= KERNEL_START.x86_64;

/** How far rsp is from the return address, in pointers; null where rbp already leads to it. */
function pushedSince(arch: Arch, before: string, code: string): 0 | 1 | null {
  const popped = before === "5d" || before === "c9";
  if (popped && /^(?:c3|c2|e9|cc)/.test(code)) return 0;
  return pushedSinceCall(arch, Buffer.from(code, "hex"));
}

/** Reads from the guest's memory, a page's rest at a time. */
class MemoryWindow {
  #start = 0n;
  #hex = "";
  #reads = 0;

  *at(address: bigint, bytes: number): Conversation<string | null> {
    const held = this.#slice(address, bytes);
    if (held !== null) return held;
    if (this.#reads >= STOP_READS_MAX) return null;
    this.#reads += 1;
    const restOfPage = PAGE_BYTES - (address % PAGE_BYTES);
    const length = Math.max(bytes, Math.min(Number(restOfPage), STUB_MEMORY_BYTES_MAX));
    const reply = yield `m${address.toString(16)},${length.toString(16)}`;
    if (!/^(?:[0-9a-f]{2})+$/.test(reply)) return null;
    this.#start = address;
    this.#hex = reply;
    return this.#slice(address, bytes);
  }

  *pointer(address: bigint, bytes: 4 | 8): Conversation<bigint | null> {
    const hex = yield* this.at(address, bytes);
    return hex === null ? null : littleEndianOfHex(hex);
  }

  #slice(address: bigint, bytes: number): string | null {
    const from = address - this.#start;
    if (from < 0n || (from + BigInt(bytes)) * 2n > BigInt(this.#hex.length)) return null;
    return this.#hex.slice(Number(from) * 2, (Number(from) + bytes) * 2);
  }
}

/** The byte before a program counter and those behind it, in hex; of the last page's next one there may be none. */
function* codeAround(place: bigint): Conversation<string> {
  if (place === 0n) return "";
  const bytes = PROLOGUE_BYTES + 1;
  const code = yield `m${(place - 1n).toString(16)},${bytes.toString(16)}`;
  const restOfPage = Number(PAGE_BYTES - ((place - 1n) % PAGE_BYTES));
  if (/^(?:[0-9a-f]{2})+$/.test(code) || restOfPage >= bytes) return code;
  return yield `m${(place - 1n).toString(16)},${restOfPage.toString(16)}`;
}

/**
 * The return addresses on the stack of a stopped machine, innermost first, in lower-case hex.
 * @param registers as registersOf() gives them
 */
export function* returnAddresses(arch: Arch, registers: ReadonlyMap<string, bigint>): Conversation<readonly string[]> {
  const { bytes, ip, sp, bp } = POINTERS[arch];
  const place = registers.get(ip);
  const top = registers.get(sp);
  let frame = registers.get(bp);
  const found: string[] = [];
  if (place === undefined || top === undefined || frame === undefined || !pointsSomewhere(top, bytes)) return found;
  const code = yield* codeAround(place);
  const memory = new MemoryWindow();
  const pushed = pushedSince(arch, code.slice(0, 2), code.slice(2));
  if (pushed !== null) {
    const address = yield* memory.pointer(top + BigInt(pushed * bytes), bytes);
    if (address !== null && pointsSomewhere(address, bytes)) found.push(address.toString(16));
  }
  let below = top;
  while (found.length < STOP_FRAMES_MAX) {
    if (frame < below || frame > below + FRAME_BYTES_MAX || frame % BigInt(bytes) !== 0n) return found;
    const next: bigint | null = yield* memory.pointer(frame, bytes);
    const address = yield* memory.pointer(frame + BigInt(bytes), bytes);
    if (next === null || address === null || !pointsSomewhere(address, bytes)) return found;
    found.push(address.toString(16));
    below = frame + BigInt(2 * bytes);
    frame = next;
  }
  return found;
}
