import { littleEndianOfHex } from "@ringside/rsp";
import { RAM_BYTES_SURE } from "../../limits.ts";
import type { Conversation } from "../conversation.ts";
import { KERNEL_START } from "../kernel-addresses.ts";

/** A page of 4096 bytes as the processor maps it. */
interface Mapping {
  /** Where the page begins in physical memory, which is surely RAM. */
  readonly physical: bigint;
  /** A write succeeds and leaves no trace in the page tables: they say already that the page was written to. */
  readonly takesWrites: boolean;
  readonly isCode: boolean;
}

const PAGE = 4_096n;
const OFFSET = PAGE - 1n;
/** Linux maps all of physical memory here, as long as it does not move it at random. */
const DIRECT_MAP = 0xffff_8880_0000_0000n;
const ADAPTERS = { start: 0xa_0000n, end: 0x10_0000n } as const;
const PHYSICAL = 0x000f_ffff_ffff_f000n;

/** Intel SDM volume 3, 4.5: a table's entry, and how much one of each level maps. */
const PRESENT = 1n << 0n;
const WRITABLE = 1n << 1n;
const ACCESSED = 1n << 5n;
const DIRTY = 1n << 6n;
const LARGE = 1n << 7n;
const NO_EXECUTE = 1n << 63n;
const LEVEL_SHIFTS = [39n, 30n, 21n, 12n] as const;
const INDEX = 0x1ffn;

const PAGING = { cr0: 1n << 31n, longMode: 1n << 10n, fiveLevels: 1n << 12n } as const;

/**
 * Where the kernel's addresses of a stopped x86_64 machine are in its memory, by its own page tables: four levels,
 * which are read through the direct map. Knows what it has read until somebody writes to a table.
 */
export class Translation {
  readonly #root: bigint;
  readonly #pages = new Map<bigint, Mapping | null>();
  /** Physical pages that are tables. */
  readonly #tables = new Set<bigint>();

  private constructor(root: bigint) {
    this.#root = root;
  }

  /**
   * @param registers of the stopped machine, by gdb's names
   * @returns null where its page tables are not to be read so
   */
  static *of(registers: ReadonlyMap<string, bigint>): Conversation<Translation | null> {
    const [cr0, cr3, cr4, efer] = ["cr0", "cr3", "cr4", "efer"].map((name) => registers.get(name) ?? 0n);
    if (cr0 === undefined || cr3 === undefined || cr4 === undefined || efer === undefined) return null;
    const isPaged = (cr0 & PAGING.cr0) !== 0n && (efer & PAGING.longMode) !== 0n && (cr4 & PAGING.fiveLevels) === 0n;
    const root = cr3 & PHYSICAL;
    if (!isPaged || !isRam(root)) return null;
    const translation = new Translation(root);
    // The direct map is where it is taken to be only if the tables themselves say so.
    const itself = yield* translation.of(DIRECT_MAP + root);
    return itself?.physical === root ? translation : null;
  }

  /** True where a physical address is in a page table that was read. */
  isTable(physical: bigint): boolean {
    return this.#tables.has(physical & ~OFFSET);
  }

  /** The page that an address of the kernel's half is in; null where it is none that may be read and put back. */
  *of(address: bigint): Conversation<Mapping | null> {
    const page = address & ~OFFSET;
    const known = this.#pages.get(page);
    if (known !== undefined) return known;
    const mapping = page < KERNEL_START.x86_64 || page >= 1n << 64n ? null : yield* this.#walk(page);
    this.#pages.set(page, mapping);
    return mapping;
  }

  *#walk(page: bigint): Conversation<Mapping | null> {
    let table = this.#root;
    let takesWrites = true;
    let isCode = true;
    for (const [level, shift] of LEVEL_SHIFTS.entries()) {
      if (!isRam(table)) return null;
      this.#tables.add(table);
      const at = DIRECT_MAP + table + 8n * ((page >> shift) & INDEX);
      const reply = yield `m${at.toString(16)},8`;
      const entry = reply.length === 16 ? littleEndianOfHex(reply) : null;
      if (entry === null || (entry & PRESENT) === 0n || (entry & ACCESSED) === 0n) return null;
      if ((entry & WRITABLE) === 0n) takesWrites = false;
      if ((entry & NO_EXECUTE) !== 0n) isCode = false;
      const isLast = level === LEVEL_SHIFTS.length - 1 || (level > 0 && (entry & LARGE) !== 0n);
      if (!isLast) {
        table = entry & PHYSICAL;
        continue;
      }
      if ((entry & DIRTY) === 0n) takesWrites = false;
      const within = (1n << shift) - 1n;
      const physical = ((entry & PHYSICAL & ~within) | (page & within)) & ~OFFSET;
      return isRam(physical) ? { physical, takesWrites, isCode } : null;
    }
    return null;
  }
}

/** QEMU's `pc` has no device there. */
const isRam = (physical: bigint): boolean =>
  physical < BigInt(RAM_BYTES_SURE.x86_64) && (physical < ADAPTERS.start || physical >= ADAPTERS.end);
