import { littleEndianOfHex } from "./hex.ts";

/**
 * Where each register stands in QEMU's answer to `g`: the core registers of target/i386/gdbstub.c and of the
 * `i386-64bit.xml` and `i386-32bit.xml` that the stub serves, in their order and without gaps. Values are
 * little-endian. A register's index in the list is its number in `p` and `P` packets.
 * In compat (32-bit) mode the x86_64 stub keeps the 64-bit layout.
 */
export type RegisterArch = "x86_64" | "i386";

export interface RegisterPlace {
  readonly name: string;
  /** From the start of the `g` reply, in bytes (two hex digits each). */
  readonly offset: number;
  readonly bytes: number;
}

const FLOAT_BYTES = 10;
const VECTOR_BYTES = 16;

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const SEGMENTS = ["cs", "ss", "ds", "es", "fs", "gs"];
const BASES_AND_CONTROL = ["fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"];
const FLOAT_CONTROL = ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"];
const GENERAL_64 = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", ...numbered("r", 16).slice(8)];
const GENERAL_32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

function layout(groups: ReadonlyArray<readonly [names: readonly string[], bytes: number]>): readonly RegisterPlace[] {
  let offset = 0;
  return groups.flatMap(([names, bytes]) =>
    names.map((name) => {
      const place = { name, offset, bytes };
      offset += bytes;
      return place;
    }),
  );
}

const tail = (vectors: number) =>
  [
    [numbered("st", 8), FLOAT_BYTES],
    [FLOAT_CONTROL, 4],
    [numbered("xmm", vectors), VECTOR_BYTES],
    [["mxcsr"], 4],
  ] as const;

/** The layouts: 608 bytes for x86_64 (rip is number 16, at offset 128), 344 for i386 (eip is number 8, at 32). */
export const REGISTER_LAYOUTS: Readonly<Record<RegisterArch, readonly RegisterPlace[]>> = {
  x86_64: layout([[[...GENERAL_64, "rip"], 8], [["eflags", ...SEGMENTS], 4], [BASES_AND_CONTROL, 8], ...tail(16)]),
  i386: layout([[[...GENERAL_32, "eip", "eflags", ...SEGMENTS, ...BASES_AND_CONTROL], 4], ...tail(8)]),
};

/** How long the `g` reply is, in bytes. */
export function registerBytes(arch: RegisterArch): number {
  const last = REGISTER_LAYOUTS[arch].at(-1);
  return last === undefined ? 0 : last.offset + last.bytes;
}

/**
 * The registers of a `g` reply, by gdb's names, as unsigned numbers.
 * @param arch which of QEMU's layouts the reply has
 * @param gReplyHex the reply's payload; registers that it lacks or marks unavailable (`x`) are left out
 */
export function registersOf(arch: RegisterArch, gReplyHex: string): ReadonlyMap<string, bigint> {
  const values = new Map<string, bigint>();
  for (const { name, offset, bytes } of REGISTER_LAYOUTS[arch]) {
    const digits = gReplyHex.slice(2 * offset, 2 * (offset + bytes));
    const value = digits.length === 2 * bytes ? littleEndianOfHex(digits) : null;
    if (value !== null) values.set(name, value);
  }
  return values;
}
