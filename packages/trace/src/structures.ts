import type { StructureRow } from "@ringside/shared";
import { LOOKS_IN_TRACE_MAX, LOOKS_MAX, OBJECT_BYTES_MAX, OBJECTS_A_PAGE_MAX, OBJECTS_MAX } from "./limits.ts";
import type { SymbolTable } from "./symbols.ts";

/** A member of a structure that a read of memory covers, or lies in. */
export interface Look {
  readonly structure: string;
  readonly member: string;
  /** Where the structure begins. */
  readonly base: bigint;
  /** What was read; null where the answer is not known, or the member is longer than a register. */
  readonly value: bigint | null;
}

interface KnownObject {
  readonly row: StructureRow;
  readonly base: bigint;
}

const PAGE_BITS = 12n;
const VALUE_BYTES_MAX = 8;

/**
 * Where structures stand in the guest's memory, as far as it is known: the kernel's own variables, arguments that
 * point to one, and pointers that were read out of a known one. An object counts as there until its machine ends.
 */
export class ObjectLedger {
  readonly #rows: ReadonlyMap<string, StructureRow>;
  readonly #fixed: readonly KnownObject[];
  /** By page, so that a read finds its object at once. */
  #pages = new Map<bigint, KnownObject[]>();
  #count = 0;
  #looks = 0;

  constructor(rows: readonly StructureRow[], symbols: SymbolTable) {
    this.#rows = new Map(rows.map((row) => [row.name, row]));
    this.#fixed = rows.flatMap((row) =>
      (row.instances ?? []).flatMap((name) => symbols.addressesOf(name).map((base) => ({ row, base }))),
    );
    this.forget();
  }

  /** A pointer to such a structure was seen; what it begins with is there, too. */
  learn(structure: string, base: bigint): void {
    const inside = new Set<string>();
    for (let name: string | undefined = structure; name !== undefined && !inside.has(name); ) {
      inside.add(name);
      name = this.#rows.get(name)?.beginsWith;
    }
    // The smallest first: what one read shows of it is told before what it shows of those around it.
    for (const name of [...inside].reverse()) this.#learnOne(name, base);
  }

  #learnOne(structure: string, base: bigint): void {
    const row = this.#rows.get(structure);
    // No object stands in the first page.
    if (row === undefined || base >> PAGE_BITS === 0n || this.#count >= OBJECTS_MAX) return;
    const there = this.#pages.get(base >> PAGE_BITS);
    if (there?.some((known) => known.base === base && known.row === row)) return;
    if ((there?.length ?? 0) >= OBJECTS_A_PAGE_MAX) return;
    this.#count += 1;
    this.#place({ row, base });
  }

  /**
   * What a read of memory shows of known structures; pointers in it are learned.
   * @param data the bytes that were read, as hex; null where they are not known
   */
  look(address: bigint, bytes: number, data: string | null): readonly Look[] {
    if (this.#pages.size === 0 || bytes <= 0 || this.#looks >= LOOKS_IN_TRACE_MAX) return [];
    const looks: Look[] = [];
    for (const known of this.#objectsIn(address, address + BigInt(Math.min(bytes, OBJECT_BYTES_MAX)) - 1n)) {
      this.#lookAt(known, Number(BigInt.asIntN(64, address - known.base)), bytes, data, looks);
      if (looks.length >= LOOKS_MAX) break;
    }
    this.#looks += looks.length;
    return looks;
  }

  /** Objects of the pages from one address to another, once each; those that are learned meanwhile may be left out. */
  *#objectsIn(first: bigint, last: bigint): Generator<KnownObject, void, void> {
    const seen = new Set<KnownObject>();
    for (let page = first >> PAGE_BITS; page <= last >> PAGE_BITS; page += 1n) {
      for (const known of [...(this.#pages.get(page) ?? [])]) {
        if (seen.has(known)) continue;
        seen.add(known);
        yield known;
      }
    }
  }

  /** The machine is another one: only the kernel's own variables are where they were. */
  forget(): void {
    this.#pages = new Map();
    this.#count = 0;
    for (const known of this.#fixed) this.#place(known);
  }

  #lookAt({ row, base }: KnownObject, start: number, bytes: number, data: string | null, looks: Look[]): void {
    const end = start + bytes;
    if (start >= row.bytes || end <= 0) return;
    for (const member of row.members) {
      const { offset } = member;
      const memberEnd = offset + member.bytes;
      const covered = start <= offset && memberEnd <= end;
      const inside = offset <= start && end <= memberEnd;
      if (member.bytes === 0 || !(covered || inside) || looks.length >= LOOKS_MAX) continue;
      const value = covered && data !== null ? littleEndian(data, offset - start, member.bytes) : null;
      looks.push({ structure: row.name, member: member.name, base, value });
      if (member.pointsTo !== undefined && value !== null) this.learn(member.pointsTo, value);
    }
  }

  #place(known: KnownObject): void {
    const last = (known.base + BigInt(known.row.bytes) - 1n) >> PAGE_BITS;
    for (let page = known.base >> PAGE_BITS; page <= last; page += 1n) {
      const there = this.#pages.get(page);
      if (there === undefined) this.#pages.set(page, [known]);
      else there.push(known);
    }
  }
}

/** The number at this place in hex digits; null where it is not all there. */
export function littleEndian(hex: string, offset: number, bytes: number): bigint | null {
  if (bytes > VALUE_BYTES_MAX || hex.length < 2 * (offset + bytes)) return null;
  let digits = "";
  for (let at = offset + bytes - 1; at >= offset; at -= 1) digits += hex.slice(2 * at, 2 * at + 2);
  return /^[0-9a-fA-F]+$/.test(digits) ? BigInt(`0x${digits}`) : null;
}

const STRUCTURE_POINTER = /^(?:(?:const|volatile) )*struct (\w+) \*(?: ?const)?$/;

/** The structure that a C type such as `const struct sock *` points to; null for other types. */
export function structureOf(type: string): string | null {
  return STRUCTURE_POINTER.exec(type)?.[1] ?? null;
}
