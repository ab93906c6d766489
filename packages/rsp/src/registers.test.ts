import { describe, expect, it } from "vitest";
import { REGISTER_LAYOUTS, registersOf } from "./registers.ts";

describe("register layouts", () => {
  it("are as long as QEMU's g replies", () => {
    const lengthOf = (arch: "x86_64" | "i386") => REGISTER_LAYOUTS[arch].reduce((sum, place) => sum + place.bytes, 0);
    expect(lengthOf("x86_64")).toBe(608);
    expect(lengthOf("i386")).toBe(344);
  });

  it("put rip at number 16, offset 128, and eip at number 8, offset 32", () => {
    expect(REGISTER_LAYOUTS.x86_64[16]).toEqual({ name: "rip", offset: 128, bytes: 8 });
    expect(REGISTER_LAYOUTS.i386[8]).toEqual({ name: "eip", offset: 32, bytes: 4 });
  });
});

describe("registersOf", () => {
  // A machine of QEMU 7.2 before its first instruction: ip = 0xfff0, cs = 0xf000, dx = the CPU's stepping.
  const reset64 = `${"00".repeat(24)}b10f060000000000${"00".repeat(96)}f0ff00000000000002000000${"00f00000"}`;
  const reset32 = `${"00".repeat(8)}63060000${"00".repeat(20)}f0ff00000200000000f00000`;

  it("reads little-endian values by gdb's names", () => {
    const registers = registersOf("x86_64", reset64);
    expect(registers.get("rip")).toBe(0xfff0n);
    expect(registers.get("rdx")).toBe(0x60fb1n);
    expect(registers.get("eflags")).toBe(2n);
    expect(registers.get("cs")).toBe(0xf000n);
  });

  it("reads the 32-bit layout", () => {
    const registers = registersOf("i386", reset32);
    expect(registers.get("eip")).toBe(0xfff0n);
    expect(registers.get("edx")).toBe(0x663n);
    expect(registers.get("cs")).toBe(0xf000n);
  });

  it("leaves out what a short reply lacks and what is unavailable", () => {
    const registers = registersOf("x86_64", `${"x".repeat(16)}0100000000000000zz`);
    expect([...registers]).toEqual([["rbx", 1n]]);
  });
});
