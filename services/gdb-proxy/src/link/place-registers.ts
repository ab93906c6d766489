import { littleEndianOfHex, REGISTER_LAYOUTS, registersOf } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import { runsLinux } from "../hub/early-boot.ts";
import { KERNEL_START } from "../hub/kernel-addresses.ts";

/** The registers that say where the machine stands: enough for a step, at a tenth of the work of all of them. */
const PLACES = {
  x86_64: { ip: "rip", sp: "rsp", bp: "rbp", bytes: 8 },
  i386: { ip: "eip", sp: "esp", bp: "ebp", bytes: 4 },
} as const satisfies Record<Arch, unknown>;

export interface PlaceRegisters {
  readonly ip: bigint | null;
  readonly sp: bigint | null;
  readonly pointerBytes: 4 | 8;
  /** Those and the frame pointer by gdb's names, as returnAddresses() takes them. */
  readonly byName: ReadonlyMap<string, bigint>;
}

/** @param g the `g` reply; null where it could not be read */
export function placeRegisters(arch: Arch, g: string | null): PlaceRegisters {
  const { ip, sp, bp, bytes } = PLACES[arch];
  const byName = new Map<string, bigint>();
  for (const { name, offset, bytes: size } of REGISTER_LAYOUTS[arch]) {
    if (g === null || (name !== ip && name !== sp && name !== bp)) continue;
    const value = littleEndianOfHex(g.slice(2 * offset, 2 * (offset + size)));
    if (value !== null) byName.set(name, value);
  }
  return { ip: byName.get(ip) ?? null, sp: byName.get(sp) ?? null, pointerBytes: bytes, byName };
}

/**
 * What the addresses of a stopped machine are: Linux's own, or physical ones, before that has come so far.
 * @param g the `g` reply; null where it could not be read
 */
export function addressesAt(arch: Arch, g: string | null): "linux" | "physical" {
  const { ip } = placeRegisters(arch, g);
  // Most stops are there: all registers need not be looked at.
  if (g === null || ip === null || (arch === "x86_64" && ip >= KERNEL_START.x86_64)) return "linux";
  return runsLinux(arch, registersOf(arch, g)) ? "linux" : "physical";
}
