import type { Arch } from "@ringside/shared";
import { KERNEL_START } from "./kernel-addresses.ts";

/**
 * A machine that was followed from power-on has run other things before Linux: firmware in 16-bit mode, a loader, the
 * kernel's own beginning at physical addresses. There a program counter, a stack pointer and a frame pointer mean
 * something else than gdb and we take them for: nothing is to be concluded from them.
 */
const PROGRAM_COUNTER = { x86_64: "rip", i386: "eip" } as const satisfies Record<Arch, string>;
/** Intel SDM volume 3, 2.5 and 5.5; 9.1.4, first instruction executed: F000:FFF0 in real-address mode. */
const PROTECTED = 1n << 0n;
const PAGING = 1n << 31n;
const PRIVILEGE = 3n;
const RESET = { ip: 0xfff0n, cs: 0xf000n } as const;

/**
 * True where the processor stands in a Linux kernel at its own addresses, or in a program.
 * @param registers as registersOf() gives them
 */
export function runsLinux(arch: Arch, registers: ReadonlyMap<string, bigint>): boolean {
  const ip = registers.get(PROGRAM_COUNTER[arch]);
  if (ip === undefined) return false;
  const isPaged = ((registers.get("cr0") ?? 0n) & PAGING) !== 0n;
  // No other code of 64 bits has addresses of the upper half.
  if (ip >= KERNEL_START[arch]) return arch === "x86_64" || isPaged;
  return isPaged && ((registers.get("cs") ?? 0n) & PRIVILEGE) === PRIVILEGE;
}

/**
 * True where the processor has not executed anything since power-on.
 * @param registers as registersOf() gives them
 */
export function isAtResetVector(arch: Arch, registers: ReadonlyMap<string, bigint>): boolean {
  const isReal = ((registers.get("cr0") ?? PROTECTED) & PROTECTED) === 0n;
  return isReal && registers.get(PROGRAM_COUNTER[arch]) === RESET.ip && registers.get("cs") === RESET.cs;
}
