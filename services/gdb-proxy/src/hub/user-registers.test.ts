import { expect, test } from "vitest";
import { type UserRegisters, userRegisters } from "./user-registers.ts";

const hexOf = (value: bigint, bytes: number): string =>
  Array.from({ length: bytes }, (_, n) =>
    (BigInt.asUintN(8, value >> BigInt(8 * n)) | 0x100n).toString(16).slice(1),
  ).join("");

/** What is asked, and what the answer gives. */
function talk(
  arch: "x86_64" | "i386",
  top: bigint,
  answer: string,
): { asked: string | null; found: UserRegisters | null } {
  const conversation = userRegisters(arch, new Map([[arch === "x86_64" ? "rsp" : "esp", top]]));
  const first = conversation.next("");
  if (first.done) return { asked: null, found: first.value };
  const second = conversation.next(answer);
  expect(second.done).toBe(true);
  return { asked: first.value as string, found: second.value as UserRegisters | null };
}

const STACK = 0xffff_c900_0000_4000n;
const pt = (change: Readonly<Record<number, bigint>> = {}): string =>
  Array.from({ length: 21 }, (_, n) => {
    const usual: Readonly<Record<number, bigint>> = {
      14: 3n,
      13: 117n,
      15: 50n,
      16: 0x401_000n,
      17: 0x33n,
      19: 0x7fff_0000n,
      20: 0x2bn,
    };
    return hexOf(change[n] ?? usual[n] ?? BigInt(n), 8);
  }).join("");

test("a system call's number and the program's registers stand at the top of the stack", () => {
  const { asked, found } = talk("x86_64", STACK + 0x2f00n, pt());
  expect(asked).toBe("mffffc90000007f58,a8");
  expect(found?.nr).toBe(50);
  expect(found?.registers).toMatchObject({ rdi: "3", rsi: "75", rip: "401000", cs: "33", rsp: "7fff0000" });
  expect(found?.registers).not.toHaveProperty("number");
});

test("an interrupt has no call's number", () => {
  expect(talk("x86_64", STACK + 8n, pt({ 15: (1n << 64n) - 1n })).found?.nr).toBe(-1);
});

test("what a kernel thread has there is no program's", () => {
  expect(talk("x86_64", STACK + 8n, pt({ 17: 0x10n })).found).toBeNull();
  expect(talk("x86_64", STACK + 8n, pt({ 20: 0x18n })).found).toBeNull();
  expect(talk("x86_64", STACK + 8n, pt({ 16: 0xffff_ffff_8100_0000n })).found).toBeNull();
  expect(talk("x86_64", STACK + 8n, pt({ 15: 1n << 60n })).found).toBeNull();
});

test("nothing is asked where a program's own stack is in use, and an error is nothing", () => {
  expect(talk("x86_64", 0x7fff_ff00n, "")).toEqual({ asked: null, found: null });
  for (const answer of ["E14", "", "00", "xx".repeat(168)]) expect(talk("x86_64", STACK, answer).found).toBeNull();
});

test.each([8, 16])("a 32-bit kernel leaves %i bytes above them", (padding) => {
  const members = [
    4n,
    0xbff0n,
    0n,
    0n,
    0n,
    0n,
    0n,
    0x7bn,
    0x7bn,
    0n,
    0n,
    102n,
    0x8049_000n,
    0x73n,
    0x202n,
    0xbff0n,
    0x7bn,
  ];
  const above = 16 - padding;
  const hex = "00".repeat(above) + members.map((value) => hexOf(value, 4)).join("") + "00".repeat(padding);
  const { asked, found } = talk("i386", 0xc100_1f00n, hex);
  expect(asked).toBe("mc1001fac,54");
  expect(found?.nr).toBe(102);
  expect(found?.registers).toMatchObject({ ebx: "4", ecx: "bff0", eip: "8049000" });
});
