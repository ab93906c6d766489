import { describe, expect, it } from "vitest";
import { isAtResetVector, runsLinux } from "./early-boot.ts";

const PAGED = 0x8005_0033n;
const PROTECTED = 0x11n;
const REAL = 0x6000_0010n;

const at = (ip: bigint, cs: bigint, cr0: bigint): ReadonlyMap<string, bigint> =>
  new Map([
    ["rip", ip],
    ["eip", ip],
    ["cs", cs],
    ["cr0", cr0],
  ]);

describe("a machine before Linux", () => {
  it("is in firmware, in a loader, or in the kernel's beginning at physical addresses", () => {
    for (const [ip, cs, cr0] of [
      [0xfff0n, 0xf000n, REAL],
      // A segment of real mode may look like a program's.
      [0x7c00n, 0x1003n, REAL],
      [0xf_1234n, 8n, PROTECTED],
      // The 64-bit kernel decompresses itself with its first page tables.
      [0x100_0200n, 0x10n, PAGED],
    ] as const) {
      expect(runsLinux("x86_64", at(ip, cs, cr0))).toBe(false);
    }
    // A 32-bit kernel's first code, and firmware below 4 GiB.
    expect(runsLinux("i386", at(0x100_0000n, 0x10n, PROTECTED))).toBe(false);
    expect(runsLinux("i386", at(0xffff_0000n, 8n, PROTECTED))).toBe(false);
    expect(runsLinux("x86_64", new Map())).toBe(false);
  });

  it("is not one that is in the kernel, or in a program", () => {
    expect(runsLinux("x86_64", at(0xffff_ffff_81ae_9c3cn, 0x10n, PAGED))).toBe(true);
    expect(runsLinux("x86_64", at(0x40_1650n, 0x33n, PAGED))).toBe(true);
    expect(runsLinux("i386", at(0xc100_0000n, 0x60n, PAGED))).toBe(true);
    expect(runsLinux("i386", at(0x804_9000n, 0x73n, PAGED))).toBe(true);
  });
});

describe("the reset vector", () => {
  it("is F000:FFF0 in real mode, and nothing else", () => {
    for (const arch of ["x86_64", "i386"] as const) {
      expect(isAtResetVector(arch, at(0xfff0n, 0xf000n, REAL))).toBe(true);
      expect(isAtResetVector(arch, at(0xe05bn, 0xf000n, REAL))).toBe(false);
      expect(isAtResetVector(arch, at(0xfff0n, 0xf000n, PAGED))).toBe(false);
      expect(isAtResetVector(arch, at(0xfff0n, 0x10n, REAL))).toBe(false);
      expect(isAtResetVector(arch, new Map())).toBe(false);
    }
  });
});
