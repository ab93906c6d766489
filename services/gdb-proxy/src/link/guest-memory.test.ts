import { describe, expect, it } from "vitest";
import { isMemory } from "./guest-memory.ts";

const MIB = 1024n * 1024n;
const I386_MAP = 0xc000_0000n;
const X86_64_MAP = 0xffff_8880_0000_0000n;

describe("what is surely memory", () => {
  it("is all that a 32-bit machine has, and nothing behind it, where devices are mapped", () => {
    const guest = { arch: "i386", memoryMib: 128 } as const;
    expect(isMemory(guest, I386_MAP + 127n * MIB, null)).toBe(true);
    expect(isMemory(guest, I386_MAP + 128n * MIB, null)).toBe(false);
    expect(isMemory(guest, 0x0804_8000n, null)).toBe(true);
  });

  it("is what the smallest 32-bit machine has where that is not known", () => {
    const guest = { arch: "i386", memoryMib: null } as const;
    expect(isMemory(guest, I386_MAP + 31n * MIB, null)).toBe(true);
    expect(isMemory(guest, I386_MAP + 32n * MIB, null)).toBe(false);
  });

  it("is the direct map of a 64-bit machine without the hole of old adapters, and the stack wherever it is", () => {
    for (const memoryMib of [64, null]) {
      const guest = { arch: "x86_64", memoryMib } as const;
      expect(isMemory(guest, X86_64_MAP + 63n * MIB, null)).toBe(true);
      expect(isMemory(guest, X86_64_MAP + 0xb_8000n, null)).toBe(false);
      const vmalloc = 0xffff_c900_0010_0000n;
      expect(isMemory(guest, vmalloc, null)).toBe(false);
      expect(isMemory(guest, vmalloc, vmalloc + 0x100n)).toBe(true);
    }
  });

  it("is RAM alone while addresses are physical, so that no device of the machine is read by a guess", () => {
    for (const arch of ["x86_64", "i386"] as const) {
      const before = (page: bigint) => isMemory({ arch, memoryMib: 64 }, page, 0x7000n, "physical");
      expect(before(0x7000n)).toBe(true);
      expect(before(63n * MIB)).toBe(true);
      for (const device of [0xa_0000n, 0xf_f000n, 64n * MIB, 0xfec0_0000n, 0xfee0_0000n]) {
        expect(before(device)).toBe(false);
      }
    }
    expect(isMemory({ arch: "i386", memoryMib: null }, 32n * MIB, null, "physical")).toBe(false);
  });
});
