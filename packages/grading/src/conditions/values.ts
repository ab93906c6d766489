import type { Arch, Parameters } from "@ringside/shared";
import { isKernelAddress } from "@ringside/trace";
import type { Expected, NamedExpected } from "../rubric.ts";

/** Comparing what a rubric expects with what a trace has. */
export interface Wanted {
  readonly name: string;
  readonly value: Expected;
  /** Null for a kind of address. */
  readonly number: bigint | null;
}

/** The number that is expected of this student; null where it is a kind of address. */
export function numberOf(expected: Expected, parameters: Parameters): bigint | null {
  switch (expected.kind) {
    case "value":
      return expected.value;
    case "parameter":
      // The fit of rubric and session was checked before: the parameter is there and a number.
      return BigInt(parameters[expected.name] ?? 0);
    case "address":
      return null;
    default:
      return expected satisfies never;
  }
}

export function wantedOf(list: readonly NamedExpected[], parameters: Parameters): readonly Wanted[] {
  return list.map(({ name, expected }) => ({ name, value: expected, number: numberOf(expected, parameters) }));
}

/** As it is written in reasons, such as `backlog 17` or `rip kernel_address`. */
export function written({ name, value, number }: Wanted): string {
  return value.kind === "address" ? `${name} ${value.of}_address` : `${name} ${number}`;
}

const WORD_32 = 0x1_0000_0000n;
const PAGE = 4_096n;

/**
 * Compares a register, which is unsigned. A number is met in 64 bits, and in the low 32 where it fits into them: C
 * leaves the high half of an `int`'s register undefined.
 */
export function registerIs(seen: bigint, { value, number }: Wanted, arch: Arch): boolean {
  if (value.kind === "address") {
    const isKernel = isKernelAddress(arch, seen);
    return value.of === "kernel" ? isKernel : !isKernel && seen >= PAGE;
  }
  if (number === null) return false;
  const fitsInt = number >= -(WORD_32 / 2n) && number < WORD_32;
  return seen === BigInt.asUintN(64, number) || (fitsInt && BigInt.asUintN(32, seen) === BigInt.asUintN(32, number));
}
