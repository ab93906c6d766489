import { type FileHandle, open, readFile } from "node:fs/promises";
import { cacheDirectory, findImage, imagePath, loadImage } from "@ringside/image";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROLOGUE_BYTES } from "../limits.ts";
import { pushedSinceCall } from "./prologue.ts";

const pushed = (hex: string, arch: "x86_64" | "i386" = "x86_64") => pushedSinceCall(arch, Buffer.from(hex, "hex"));

describe("what stands above a return address", () => {
  it.each([
    ["push rbp; mov rbp,rsp", "554889e5"],
    ["the same behind endbr64 and ftrace's call", "f30f1efae811223344554889e5"],
    ["the same behind ftrace's nop", "0f1f440000554889e5"],
    ["push rbp; mov rdi,…; mov rbp,rsp", "5548c7c70036a2814889e5"],
    ["push rbp; mov r8,rdi; xor eax,eax; mov ecx,0x10; mov rbp,rsp", "554989f831c0b9100000004889e5"],
    ["a test and a jump before the frame", "85ff7405554889e5"],
    ["a function without a frame", "8d047fc3"],
  ])("is nothing at a function's first instruction: %s", (_what, code) => {
    expect(pushed(code)).toBe(0);
  });

  it("is nothing at the first instruction of a 32-bit function", () => {
    expect(pushed("5589e5", "i386")).toBe(0);
    expect(pushed("55b80100000089e5", "i386")).toBe(0);
  });

  it("is the caller's frame between push and mov, whatever else stands there", () => {
    expect(pushed("4889e5")).toBe(1);
    expect(pushed("48c7c70036a2814889e5")).toBe(1);
  });

  it.each([
    ["inside a function, before its end", "31c05dc3"],
    ["before leave", "31c0c9c3"],
    ["before more registers are saved", "41574156554889e5"],
    ["behind a call that does not return", "9090e811223344554889e5"],
    ["where the stack pointer is set", "4883ec10c3"],
    ["where code is not known", ""],
    ["where it is no code", "0606060606"],
  ])("is not told %s", (_where, code) => {
    expect(pushed(code)).toBe(null);
  });

  it("is told or not for any bytes, without an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), fc.constantFrom("x86_64", "i386"), (code, arch) => {
        expect([0, 1, null]).toContain(pushedSinceCall(arch, code));
      }),
    );
  });
});

/** What an ELF file of 64 bits loads from a virtual address: elf(5), program headers. */
async function loadedFrom(file: FileHandle, wanted: readonly bigint[]): Promise<readonly Uint8Array[]> {
  const header = Buffer.alloc(64);
  await file.read(header, 0, 64, 0);
  const entryBytes = header.readUInt16LE(54);
  const table = Buffer.alloc(entryBytes * header.readUInt16LE(56));
  await file.read(table, 0, table.length, Number(header.readBigUInt64LE(32)));
  const parts = Array.from({ length: table.length / entryBytes }, (_, n) => table.subarray(n * entryBytes))
    .filter((part) => part.readUInt32LE(0) === 1)
    .map((part) => ({
      offset: part.readBigUInt64LE(8),
      start: part.readBigUInt64LE(16),
      size: part.readBigUInt64LE(32),
    }));
  return Promise.all(
    wanted.map(async (address) => {
      const part = parts.find(({ start, size }) => address >= start && address < start + size);
      const bytes = Buffer.alloc(PROLOGUE_BYTES);
      if (part !== undefined) await file.read(bytes, 0, bytes.length, Number(address - part.start + part.offset));
      return bytes;
    }),
  );
}

describe("the functions of the course's kernel", () => {
  it("are known at their first instruction, nearly all of them", async () => {
    const folder = await findImage(cacheDirectory(process.env), "linux-x86_64");
    if (folder === null) throw new Error("The course image linux-x86_64 is not built: run `ringside image build`");
    const image = await loadImage(folder);
    const functions = JSON.parse(await readFile(imagePath(image, "functions"), "utf8")) as { readonly entry: string }[];
    await using file = await open(imagePath(image, "debug"), "r");
    const codes = await loadedFrom(
      file,
      functions.map(({ entry }) => BigInt(entry)),
    );
    const known = codes.filter((code) => pushedSinceCall("x86_64", code) === 0);
    expect(functions.length).toBeGreaterThan(1_000);
    expect(known.length / functions.length).toBeGreaterThan(0.95);
  });
});
