import type { Arch } from "@ringside/shared";

/** Who runs at a stop: the kernel, or a program. */
export type Mode = "kernel" | "user";

const KERNEL_START = { x86_64: 0xffff_8000_0000_0000n, i386: 0xc000_0000n } as const satisfies Record<Arch, bigint>;
const PRIVILEGE = 3n;

/** True for an address that only the kernel may use. */
export function isKernelAddress(arch: Arch, address: bigint): boolean {
  return address >= KERNEL_START[arch];
}

/**
 * By the code segment's privilege and by where the program counter is.
 * @returns null where the two do not agree (someone wrote registers) or the registers are not known
 */
export function modeOf(arch: Arch, pc: bigint | null, registers: ReadonlyMap<string, bigint>): Mode | null {
  const cs = registers.get("cs");
  if (pc === null || cs === undefined) return null;
  const byPlace = isKernelAddress(arch, pc) ? "kernel" : "user";
  const byPrivilege = (cs & PRIVILEGE) === PRIVILEGE ? "user" : "kernel";
  return byPlace === byPrivilege ? byPlace : null;
}
