import { littleEndianOfHex, REGISTER_LAYOUTS, type RegisterPlace } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";

const PLACES: Readonly<Record<Arch, ReadonlyMap<string, RegisterPlace>>> = {
  x86_64: new Map(REGISTER_LAYOUTS.x86_64.map((place) => [place.name, place])),
  i386: new Map(REGISTER_LAYOUTS.i386.map((place) => [place.name, place])),
};

/**
 * The registers of a `g` reply, by gdb's names, as unsigned numbers; those that it lacks or marks unavailable are not
 * there. Each is read when it is asked for: of a stop's sixty, facts need a few.
 */
export class RecordedRegisters implements ReadonlyMap<string, bigint> {
  readonly #arch: Arch;
  readonly #hex: string;

  constructor(arch: Arch, gReplyHex: string) {
    this.#arch = arch;
    this.#hex = gReplyHex;
  }

  get(name: string): bigint | undefined {
    const place = PLACES[this.#arch].get(name);
    if (place === undefined) return undefined;
    const { offset, bytes } = place;
    const digits = this.#hex.slice(2 * offset, 2 * (offset + bytes));
    return digits.length === 2 * bytes ? (littleEndianOfHex(digits) ?? undefined) : undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get size(): number {
    return [...this.keys()].length;
  }

  *entries(): MapIterator<[string, bigint]> {
    for (const name of PLACES[this.#arch].keys()) {
      const value = this.get(name);
      if (value !== undefined) yield [name, value];
    }
  }

  *keys(): MapIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): MapIterator<bigint> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, bigint]> {
    return this.entries();
  }

  forEach(visit: (value: bigint, name: string, registers: ReadonlyMap<string, bigint>) => void): void {
    for (const [name, value] of this.entries()) visit(value, name, this);
  }

  /** An object, as a map of names would be written. */
  toJSON(): Readonly<Record<string, bigint>> {
    return Object.fromEntries(this.entries());
  }
}
