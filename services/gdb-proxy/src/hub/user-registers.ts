import { littleEndianOfHex } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { Conversation } from "./conversation.ts";
import { KERNEL_START } from "./kernel-addresses.ts";

/** What a program entered the kernel with: the number of its system call, -1 in an interrupt, and its registers. */
export interface UserRegisters {
  readonly nr: number;
  /** gdb's names; unsigned, in lower-case hex. */
  readonly registers: Readonly<Record<string, string>>;
}

interface Layout {
  readonly bytes: 4 | 8;
  readonly stackPointer: string;
  /** THREAD_SIZE: a kernel stack is so large, and stands at a multiple of it. */
  readonly stackBytes: bigint;
  /** What may stand above pt_regs (TOP_OF_KERNEL_STACK_PADDING), by configuration. */
  readonly paddings: readonly number[];
  /** struct pt_regs, in its order; "" is not told. */
  readonly members: readonly string[];
}

/** What `orig_ax` is called here. */
const NUMBER = "number";

/** arch/x86/include/asm/ptrace.h, thread_info.h and page_*_types.h of Linux. */
const LAYOUTS: Readonly<Record<Arch, Layout>> = {
  x86_64: {
    bytes: 8,
    stackPointer: "rsp",
    stackBytes: 0x4000n,
    paddings: [0],
    members: [
      ...["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"],
      ...[NUMBER, "rip", "cs", "eflags", "rsp", "ss"],
    ],
  },
  i386: {
    bytes: 4,
    stackPointer: "esp",
    stackBytes: 0x2000n,
    paddings: [8, 16],
    members: [
      ...["ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "", "", "", ""],
      ...[NUMBER, "eip", "cs", "eflags", "esp", "ss"],
    ],
  },
};
const PRIVILEGE = 3n;

/**
 * Reads what the kernel has kept of the program that entered it, from the top of the stack that the processor stands
 * on. Only the caller can tell whether that is a task's stack: what does not look like a program's registers is null.
 * @param registers as registersOf() gives them
 */
export function* userRegisters(arch: Arch, registers: ReadonlyMap<string, bigint>): Conversation<UserRegisters | null> {
  const layout = LAYOUTS[arch];
  const top = registers.get(layout.stackPointer);
  if (top === undefined || top < KERNEL_START[arch]) return null;
  const end = (top / layout.stackBytes + 1n) * layout.stackBytes;
  const size = layout.bytes * layout.members.length;
  const most = size + Math.max(...layout.paddings);
  const hex = yield `m${(end - BigInt(most)).toString(16)},${most.toString(16)}`;
  if (hex.length !== 2 * most || !/^[0-9a-f]+$/.test(hex)) return null;
  for (const padding of layout.paddings) {
    const from = 2 * (most - padding - size);
    const found = membersOf(hex.slice(from, from + 2 * size), layout, KERNEL_START[arch]);
    if (found !== null) return found;
  }
  return null;
}

function membersOf(hex: string, { bytes, members }: Layout, kernelStart: bigint): UserRegisters | null {
  const values = new Map<string, bigint>();
  for (const [index, name] of members.entries()) {
    const value = littleEndianOfHex(hex.slice(2 * bytes * index, 2 * bytes * (index + 1)));
    if (value === null) return null;
    if (name !== "") values.set(name, value);
  }
  const isUser = (name: string) => ((values.get(name) ?? 0n) & PRIVILEGE) === PRIVILEGE;
  const place = values.get("rip") ?? values.get("eip") ?? kernelStart;
  if (!isUser("cs") || !isUser("ss") || place >= kernelStart) return null;
  const called = BigInt.asIntN(8 * bytes, values.get(NUMBER) ?? -1n);
  if (called > BigInt(Number.MAX_SAFE_INTEGER) || called < BigInt(Number.MIN_SAFE_INTEGER)) return null;
  values.delete(NUMBER);
  return {
    nr: Number(called),
    registers: Object.fromEntries([...values].map(([name, value]) => [name, value.toString(16)])),
  };
}
