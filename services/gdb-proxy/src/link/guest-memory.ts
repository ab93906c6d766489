import { PAGE_BYTES } from "@ringside/link";
import type { Arch } from "@ringside/shared";
import { KERNEL_START } from "../hub/kernel-addresses.ts";
import { KERNEL_STACK_BYTES, LOW_MEMORY_BYTES_MAX, RAM_BYTES_SURE } from "../limits.ts";

/**
 * Where a whole page may be read although gdb asked for less of it. Reading a device's register may have an effect, so
 * only what is surely memory is read so: user programs, the kernel's image, the direct map of RAM without the hole of
 * old adapters, and the stack. Linux maps devices elsewhere (vmalloc's range; Documentation/arch/x86/x86_64/mm.rst).
 *
 * On x86_64 the direct map has nothing where there is no RAM, and QEMU's `pc` has no device below RAM_BYTES_SURE. On
 * i386 vmalloc's range begins 8 MiB behind the RAM, so that only what the machine has is sure, or, where that is not
 * known, what the smallest one has.
 */
export interface GuestMemory {
  readonly arch: Arch;
  /** Null where it is not known. */
  readonly memoryMib: number | null;
}

interface Region {
  readonly start: bigint;
  readonly end: bigint;
}

const HOLE: Region = { start: 0xa_0000n, end: 0x10_0000n };

function directMap(start: bigint, bytes: number): readonly Region[] {
  return [
    { start, end: start + HOLE.start },
    { start: start + HOLE.end, end: start + BigInt(bytes) },
  ];
}

const REGIONS_X86_64: readonly Region[] = [
  { start: 0n, end: 0x0000_8000_0000_0000n },
  ...directMap(0xffff_8880_0000_0000n, RAM_BYTES_SURE.x86_64),
  { start: 0xffff_ffff_8000_0000n, end: 0xffff_ffff_c000_0000n },
];
const USER_I386: Region = { start: 0n, end: 0xc000_0000n };

function regionsOf({ arch, memoryMib }: GuestMemory): readonly Region[] {
  if (arch === "x86_64") return REGIONS_X86_64;
  const bytes = memoryMib === null ? RAM_BYTES_SURE.i386 : Math.min(memoryMib * 1024 * 1024, LOW_MEMORY_BYTES_MAX);
  return [USER_I386, ...directMap(USER_I386.end, bytes)];
}

const PAGE_MASK = ~(BigInt(PAGE_BYTES) - 1n);
const STACK_MASK = ~(BigInt(KERNEL_STACK_BYTES) - 1n);

export const pageOf = (address: bigint): bigint => address & PAGE_MASK;
/** Where the kernel stack that holds an address begins. */
export const stackOf = (address: bigint): bigint => address & STACK_MASK;

/**
 * @param stackPointer null where it is not known
 * @param addresses "physical": the machine has not come to Linux's own addresses yet, and an address is what it says
 */
export function isMemory(
  guest: GuestMemory,
  page: bigint,
  stackPointer: bigint | null,
  addresses: "linux" | "physical" = "linux",
): boolean {
  if (addresses === "physical") {
    const bytes = guest.memoryMib === null ? RAM_BYTES_SURE[guest.arch] : guest.memoryMib * 1024 * 1024;
    return directMap(0n, bytes).some(({ start, end }) => page >= start && page < end);
  }
  if (regionsOf(guest).some(({ start, end }) => page >= start && page < end)) return true;
  return stackPointer !== null && stackOf(page) === stackOf(stackPointer);
}

/** True where an address is in the kernel's half. */
export const isKernel = (arch: Arch, address: bigint): boolean => address >= KERNEL_START[arch];
