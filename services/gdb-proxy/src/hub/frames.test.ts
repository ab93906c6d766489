import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STOP_FRAMES_MAX, STOP_READS_MAX } from "../limits.ts";
import { playTalk } from "../testing/play-talk.ts";
import { returnAddresses } from "./frames.ts";

const CODE = 0xffff_ffff_8100_1000n;
const STACK = 0xffff_c900_0000_3f00n;

/** Guest memory in which only what is written is mapped, by the page. */
class Memory {
  readonly #bytes = new Map<bigint, number>();
  readonly #pages = new Set<bigint>();
  reads = 0;

  hex(address: bigint, hex: string): this {
    for (const [index, byte] of [...Buffer.from(hex, "hex")].entries()) {
      this.#bytes.set(address + BigInt(index), byte);
      this.#pages.add((address + BigInt(index)) / 4_096n);
    }
    return this;
  }

  word(address: bigint, value: bigint, bytes = 8): this {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(value);
    return this.hex(address, buffer.subarray(0, bytes).toString("hex"));
  }

  answer(payload: string): string {
    this.reads += 1;
    const [address = "", length = ""] = payload.slice(1).split(",");
    const start = BigInt(`0x${address}`);
    let hex = "";
    for (let i = 0n; i < BigInt(`0x${length}`); i += 1n) {
      if (!this.#pages.has((start + i) / 4_096n)) return "E14";
      hex += (this.#bytes.get(start + i) ?? 0).toString(16).padStart(2, "0");
    }
    return hex;
  }
}

function walk(
  memory: Memory,
  registers: Record<string, bigint>,
  arch: "x86_64" | "i386" = "x86_64",
): readonly string[] {
  return playTalk(returnAddresses(arch, new Map(Object.entries(registers))), (payload) => memory.answer(payload));
}

/** Two callers above a function whose frame begins at `frame`; the chain ends as Linux marks it. */
function stackWithCallers(frame: bigint): Memory {
  return new Memory()
    .word(frame, frame + 0x40n)
    .word(frame + 8n, CODE + 0x100n)
    .word(frame + 0x40n, (frame + 0x80n) | 1n)
    .word(frame + 0x48n, CODE + 0x200n);
}

const callers = [(CODE + 0x100n).toString(16), (CODE + 0x200n).toString(16)];
const INNER = (CODE + 0x50n).toString(16);

describe("returnAddresses", () => {
  it("follows rbp inside a function", () => {
    const memory = stackWithCallers(STACK + 0x20n).hex(CODE - 16n, "90".repeat(64));
    expect(walk(memory, { rip: CODE, rsp: STACK, rbp: STACK + 0x20n })).toEqual(callers);
    expect(memory.reads).toBe(2);
  });

  it.each([
    ["at its first instruction", "554889e5"],
    ["with endbr64", "f30f1efa554889e5"],
    ["with ftrace's nop", "0f1f440000554889e5"],
    ["with endbr64 and ftrace's call", "f30f1efae811223344554889e5"],
  ])("finds the caller of a function %s", (_name, code) => {
    const memory = stackWithCallers(STACK + 0x20n)
      .word(STACK, CODE + 0x50n)
      .hex(CODE - 16n, "90".repeat(16))
      .hex(CODE, `${code}9090`);
    expect(walk(memory, { rip: CODE, rsp: STACK, rbp: STACK + 0x20n })).toEqual([INNER, ...callers]);
  });

  it("finds the caller between push and mov, and before ret", () => {
    const pushed = stackWithCallers(STACK + 0x20n)
      .word(STACK, 1n)
      .word(STACK + 8n, CODE + 0x50n);
    pushed.hex(CODE - 1n, "554889e5").hex(CODE + 3n, "90".repeat(16));
    expect(walk(pushed, { rip: CODE, rsp: STACK, rbp: STACK + 0x20n })).toEqual([INNER, ...callers]);
    const popped = stackWithCallers(STACK + 0x20n)
      .word(STACK, CODE + 0x50n)
      .hex(CODE - 1n, `5dc3${"90".repeat(16)}`);
    expect(walk(popped, { rip: CODE, rsp: STACK, rbp: STACK + 0x20n })).toEqual([INNER, ...callers]);
  });

  it("reads 32-bit stacks", () => {
    const memory = new Memory().hex(0xc100_0fffn, "90".repeat(32));
    memory.word(0xc200_0010n, 0n, 4).word(0xc200_0014n, 0xc100_2000n, 4);
    expect(walk(memory, { eip: 0xc100_1000n, esp: 0xc200_0000n, ebp: 0xc200_0010n }, "i386")).toEqual(["c1002000"]);
  });

  it.each([
    ["0", 0n],
    ["pt_regs, marked by an odd pointer", STACK | 1n],
    ["below the stack", STACK - 8n],
    ["far above it", STACK + 0x10_0000n],
    ["no canonical address", 0x1234_0000_0000_0000n],
  ])("ends where rbp is %s", (_name, rbp) => {
    const memory = stackWithCallers(STACK + 0x20n).hex(CODE - 16n, "90".repeat(64));
    expect(walk(memory, { rip: CODE, rsp: STACK, rbp })).toEqual([]);
  });

  it("ends a chain that leads to itself", () => {
    const memory = new Memory()
      .hex(CODE - 16n, "90".repeat(64))
      .word(STACK, STACK)
      .word(STACK + 8n, CODE);
    expect(walk(memory, { rip: CODE, rsp: STACK, rbp: STACK })).toHaveLength(1);
  });

  it("is bounded in frames and reads, whatever the guest's memory says", () => {
    const anything = fc.func(fc.oneof(fc.constant("E14"), fc.stringMatching(/^(?:[0-9a-f]{2})*$/), fc.string()));
    const words = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(anything, words, words, words, (answer, rip, rsp, rbp) => {
        const talk = returnAddresses("x86_64", new Map(Object.entries({ rip, rsp, rbp })));
        let reads = 0;
        const found = playTalk(talk, (payload) => {
          reads += 1;
          return answer(payload);
        });
        expect(reads).toBeLessThanOrEqual(STOP_READS_MAX + 1);
        expect(found.length).toBeLessThanOrEqual(STOP_FRAMES_MAX);
      }),
    );
    // A rising chain without end.
    const talk = returnAddresses("x86_64", new Map(Object.entries({ rip: CODE, rsp: STACK, rbp: STACK })));
    let reads = 0;
    const found = playTalk(talk, (payload) => {
      reads += 1;
      const [address = "", length = ""] = payload.slice(1).split(",");
      const words = Buffer.alloc(Number.parseInt(length, 16) + 8);
      for (let at = 0; at + 8 < words.length; at += 8)
        words.writeBigUInt64LE(BigInt(`0x${address}`) + BigInt(at) + 16n, at);
      return words.subarray(0, Number.parseInt(length, 16)).toString("hex");
    });
    expect(reads).toBeLessThanOrEqual(STOP_READS_MAX + 1);
    expect(found.length).toBeLessThanOrEqual(STOP_FRAMES_MAX);
  });
});
