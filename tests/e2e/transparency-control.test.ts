import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Lie, LyingLine } from "./lying-line.ts";
import { differences, TransparencyBed } from "./transparency-run.ts";
import { type Group, groups } from "./transparency-scripts.ts";

// The comparison of transparency.test.ts with a fault in the line: it must find every one of them, or its silence would
// mean nothing.
const LIE_MS = 120_000;
const SCRIPTS: ReadonlySet<string> = new Set([
  "break by the course's name, continue, where",
  "info registers",
  "the stack, 32 giants",
]);

let bed: TransparencyBed;
let group: Group;

beforeAll(async () => {
  bed = await TransparencyBed.open();
  const [looking] = groups(bed.surroundings);
  group = { name: "control", scripts: (looking?.scripts ?? []).filter(({ name }) => SCRIPTS.has(name)) };
});

afterAll(() => bed[Symbol.asyncDispose]());

/** The lowest bit of one hex digit. */
const flipped = (text: string, at: number): string =>
  text.slice(0, at) + (Number.parseInt(text[at] ?? "0", 16) ^ 1).toString(16) + text.slice(at + 1);

const WORD_BYTES = 8;
const ONE_REGISTER_CHARS = 2 * WORD_BYTES;
/** What `x/32gx $sp` shows. */
const SHOWN_BYTES = 32 * WORD_BYTES;
/** Numbers in the `g` reply: rdi is the socket's number at first. */
const RDI = 5;
const RSP = 7;

const word = (hex: string): bigint => Buffer.from(hex, "hex").readBigUInt64LE();

/** The stack pointer that an answer tells, with a stop or as one of all registers. */
function stackPointerOf(question: string, answer: string): bigint | null {
  const told = /^T05.*;07:([0-9a-f]{16});/.exec(answer)?.[1];
  const all = question === "g" ? answer.slice(RSP * ONE_REGISTER_CHARS, (RSP + 1) * ONE_REGISTER_CHARS) : undefined;
  const hex = told ?? all;
  return hex?.length === ONE_REGISTER_CHARS ? word(hex) : null;
}

/** Changes the first return address above the stack pointer. */
function aboutTheStack(): Lie {
  let pointer: bigint | null = null;
  return (question, answer) => {
    pointer = stackPointerOf(question, answer) ?? pointer;
    const [, address] = /^m([0-9a-f]+),/.exec(question) ?? [];
    if (address === undefined || pointer === null) return null;
    const first = 2 * Number(pointer - BigInt(`0x${address}`));
    for (let at = Math.max(0, first); at < Math.min(first + 2 * SHOWN_BYTES, answer.length); at += ONE_REGISTER_CHARS) {
      if (answer.slice(at + WORD_BYTES, at + ONE_REGISTER_CHARS) === "ffffffff") return flipped(answer, at + 1);
    }
    return null;
  };
}

const LIES: readonly (readonly [string, Lie])[] = [
  ["one byte of one answer about the stack", aboutTheStack()],
  [
    "one register",
    (question, answer) => {
      if (question === "g") return flipped(answer, RDI * ONE_REGISTER_CHARS + 1);
      // Where registers come with the stop: `05:0300000000000000;`.
      const at = answer.startsWith("T05") ? answer.search(/;05:0300000000000000;/) : -1;
      return at < 0 ? null : flipped(answer, at + ";05:0".length);
    },
  ],
  [
    "the reason of one stop",
    (question, answer) => (question.startsWith("vCont") && answer.startsWith("T05") ? `T06${answer.slice(3)}` : null),
  ],
];

describe("a line that changes", () => {
  it(
    "nothing is not found to differ",
    async () => {
      expect(group.scripts).toHaveLength(SCRIPTS.size);
      const expected = await bed.runGroup("plain", group);
      let line: LyingLine | undefined;
      const found = await bed.runGroup("tcp", group, async (address) => {
        line = await LyingLine.open(address, () => null);
        return line;
      });
      expect(line?.told).toBeNull();
      expect([...differences(group, expected, found)]).toEqual([]);
    },
    LIE_MS,
  );

  it.each(LIES)(
    "%s is found to differ",
    async (_name, lie) => {
      const expected = await bed.runGroup("plain", group);
      let line: LyingLine | undefined;
      const found = await bed.runGroup("tcp", group, async (address) => {
        line = await LyingLine.open(address, lie);
        return line;
      });
      expect(line?.told, "the lie was not told").not.toBeNull();
      const different = differences(group, expected, found);
      console.log(`${line?.told}\n${[...different].map((one) => one.join(": ")).join("\n")}`);
      expect(different.size).toBeGreaterThan(0);
    },
    LIE_MS,
  );
});
