import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressOf, decode } from "./instruction.ts";

const IP = 0xffff_ffff_8100_0000n;
const decoded = (hex: string) => decode(Buffer.from(hex.replaceAll(" ", ""), "hex"), IP);

describe("instructions that steps ahead may take", () => {
  it.each([
    ["push rbp", "55", [{ base: "rsp", displacement: 2n ** 64n - 8n, bytes: 8, writes: true }]],
    ["pop rbx", "5b", [{ base: "rsp", displacement: 0n, bytes: 8, writes: false }]],
    ["pushfq", "9c", [{ base: "rsp", bytes: 8, writes: true }]],
    ["leave", "c9", [{ base: "rbp", bytes: 8, writes: false }]],
    ["mov rax, gs:[0x28]", "65 48 8b 04 25 28 00 00 00", [{ segmentBase: "gs_base", displacement: 0x28n }]],
    ["add [rdi+r12*8-8], esi", "42 01 74 e7 f8", [{ base: "rdi", index: "r12", scale: 8, bytes: 4, writes: true }]],
    ["lock xadd [rdx], rax", "f0 48 0f c1 02", [{ base: "rdx", bytes: 8, writes: true }]],
    ["bts qword [rsi], 5", "48 0f ba 2e 05", [{ base: "rsi", bytes: 8, writes: true }]],
    ["mov rax, [rip+1]", "48 8b 05 01 00 00 00", [{ base: null, displacement: IP + 8n, bytes: 8 }]],
    ["lea rax, [rdi+8]", "48 8d 47 08", []],
    ["nop [rax]", "0f 1f 40 00", []],
    ["endbr64", "f3 0f 1e fa", []],
  ])("%s, with the memory that it touches", (_name, hex, operands) => {
    expect(decoded(hex)).toMatchObject({ kind: "plain", operands });
  });

  it.each([
    ["a call", "e8 01 00 00 00", { kind: "goes to", places: [IP + 6n] }],
    ["a jump", "eb fe", { kind: "goes to", places: [IP] }],
    ["a conditional jump", "74 02", { kind: "goes to", places: [IP + 2n, IP + 4n] }],
    ["a return", "c3", { kind: "moves the stack", by: 8n }],
    ["a return that takes arguments", "c2 08 00", { kind: "moves the stack", by: 16n }],
    ["a call through a register", "ff d0", { kind: "moves the stack", by: -8n }],
    ["a jump through a table", "ff 24 c5 00 00 00 81", { kind: "moves the stack", by: 0n }],
  ])("%s, with where it may go", (_name, hex, outcome) => {
    expect(decoded(hex)).toMatchObject({ kind: "plain", outcome });
  });

  it.each([
    ...[
      ["sti", "fb"],
      ["cli", "fa"],
      ["popfq", "9d"],
      ["hlt", "f4"],
      ["int3", "cc"],
      ["ud2", "0f 0b"],
    ],
    ...[
      ["in", "ec"],
      ["out", "ee"],
      ["syscall", "0f 05"],
      ["iretq", "48 cf"],
      ["rdmsr", "0f 32"],
      ["rdtsc", "0f 31"],
    ],
    ...[
      ["cpuid", "0f a2"],
      ["swapgs", "0f 01 f8"],
      ["mov cr3", "0f 22 d8"],
      ["mov ss", "8e d0"],
      ["lgdt", "0f 01 10"],
    ],
    ...[
      ["rep movsb", "f3 a4"],
      ["movsb", "a4"],
      ["div", "48 f7 f1"],
      ["pause", "f3 90"],
      ["fld", "d9 00"],
    ],
    ...[
      ["movaps", "0f 28 00"],
      ["far call", "48 ff 18"],
      ["far return", "cb"],
      ["popcnt", "f3 48 0f b8 c0"],
    ],
    ...[
      ["pop [rsp]", "8f 04 24"],
      ["bts with a far bit", "48 0f ab 06"],
      ["32-bit addresses", "67 8b 00"],
    ],
    ...[
      ["nothing at all", ""],
      ["half of one", "48 8b"],
      ["lock mov", "f0 89 00"],
      ["clac", "0f 01 ca"],
    ],
  ])("are not: %s", (_name, hex) => {
    expect(decoded(hex ?? "")).toEqual({ kind: "other" });
  });

  it("are found in any bytes without an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 16 }), (code) => {
        const found = decode(code, IP);
        if (found.kind === "plain") expect(found.operands.length).toBeLessThanOrEqual(3);
      }),
    );
  });
});

describe("addressOf", () => {
  const operand = { segmentBase: null, base: "rax", index: "rbx", scale: 4, displacement: 2n ** 64n - 8n };
  const whole = { ...operand, bytes: 8, writes: false };

  it("adds up in 64 bits", () => {
    const registers = new Map([
      ["rax", 0x1000n],
      ["rbx", 3n],
    ]);
    expect(addressOf(whole, registers)).toBe(0x1004n);
    expect(addressOf({ ...whole, segmentBase: "gs_base" }, registers.set("gs_base", 2n ** 64n - 4n))).toBe(0x1000n);
  });

  it("knows nothing where a register is not known", () => {
    expect(addressOf(whole, new Map([["rax", 1n]]))).toBeNull();
  });
});
