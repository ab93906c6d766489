import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseConditions } from "./agent-conditions.ts";
import { type AgentQuestion, evaluate } from "./agent-expression.ts";
import { AGENT_CODE_BYTES_MAX, AGENT_CONDITIONS_MAX, AGENT_STEPS_MAX } from "./limits.ts";

/** Runs bytecode to its end. */
function outcomeOf(
  code: readonly number[] | Uint8Array,
  answer: (question: AgentQuestion) => bigint | null = () => null,
) {
  const questions: AgentQuestion[] = [];
  const running = evaluate(Uint8Array.from(code));
  let next = running.next();
  while (next.done !== true) {
    questions.push(next.value);
    next = running.next(answer(next.value));
  }
  return { value: next.value, questions };
}

const word = (value: bigint): number[] => {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt.asUintN(64, value));
  return [0x25, ...new Uint8Array(bytes.buffer)];
};
const END = 0x27;

describe("evaluate", () => {
  it("reads constants of every size as big-endian numbers without a sign", () => {
    expect(outcomeOf([0x22, 0xfe, END]).value).toBe(0xfen);
    expect(outcomeOf([0x23, 0xfe, 0x01, END]).value).toBe(0xfe01n);
    expect(outcomeOf([0x24, 0xff, 0, 0, 1, END]).value).toBe(0xff000001n);
    expect(outcomeOf([...word(-1n), END]).value).toBe(2n ** 64n - 1n);
  });

  it("asks for registers and memory, and has no result where they cannot be read", () => {
    const code = [0x26, 0x00, 0x07, 0x22, 0xf8, 0x16, 8, 0x02, 0x19, END];
    const known = outcomeOf(code, (question) => ("register" in question ? 0x1000n : 5n));
    expect(known).toEqual({ value: 5n, questions: [{ register: 7 }, { memory: { address: 0xff8n, bytes: 4 } }] });
    expect(outcomeOf(code).value).toBeNull();
    expect(outcomeOf(code, (question) => ("register" in question ? 1n : null)).value).toBeNull();
  });

  it("moves values about on the stack", () => {
    const three = [...word(1n), ...word(2n), ...word(3n)];
    /** The stack from the top on, as one number with a digit for each value. */
    const digits = (code: number[], depth: number) =>
      Array.from({ length: depth }, (_, at) => outcomeOf([...three, ...code, 0x32, at, END]).value).join(" ");
    expect(digits([], 3)).toBe("3 2 1");
    expect(digits([0x2b], 3)).toBe("2 3 1");
    expect(digits([0x33], 3)).toBe("2 1 3");
    expect(digits([0x28], 4)).toBe("3 3 2 1");
    expect(digits([0x29], 2)).toBe("2 1");
    expect(digits([0x32, 2], 4)).toBe("1 3 2 1");
    expect(digits([], 4)).toBe("3 2 1 ");
  });

  it("goes where goto and if_goto say", () => {
    const choice = (condition: bigint) => [...word(condition), 0x20, 0, 17, 0x22, 7, 0x21, 0, 19, 0x22, 8, END];
    expect(outcomeOf(choice(0n)).value).toBe(7n);
    expect(outcomeOf(choice(1n << 63n)).value).toBe(8n);
  });

  it.each([
    ["empty code", []],
    ["no end", [0x22, 1]],
    ["half an operand", [0x23, 1]],
    ["an empty stack", [END]],
    ["an operation on too few values", [0x22, 1, 0x02, END]],
    ["division by zero", [...word(1n), ...word(0n), 0x05, END]],
    ["remainder by zero", [...word(1n), ...word(0n), 0x08, END]],
    ["a shift by 64", [...word(1n), ...word(64n), 0x09, END]],
    ["a trace operation", [...word(1n), ...word(64n), 0x0c, END]],
    ["floating point", [0x01, END]],
    ["an unknown operation", [0xff, END]],
    ["a jump out of the code", [0x21, 0xff, 0xff]],
    ["an endless loop", [0x21, 0, 0]],
    ["an endless loop that fills the stack", [0x22, 1, 0x21, 0, 0]],
    ["too much code", [...new Array<number>(AGENT_CODE_BYTES_MAX).fill(0x12), END]],
  ])("has no result for %s", (_name, code) => {
    expect(outcomeOf(code).value).toBeNull();
  });

  it("never throws, never asks more often than it may and gives 64 bits, whatever the code", () => {
    const operations = fc.oneof(fc.integer({ min: 0, max: 0x34 }), fc.nat(255));
    const code = fc.array(operations, { maxLength: 300 });
    fc.assert(
      fc.property(code, fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (bytes, answer) => {
        const { value, questions } = outcomeOf(bytes, () => answer);
        expect(questions.length).toBeLessThanOrEqual(AGENT_STEPS_MAX);
        if (value !== null) expect(BigInt.asUintN(64, value)).toBe(value);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** An expression, to be compiled to bytecode and to be worked out by typed arrays, which wrap as words do. */
type Tree =
  | { readonly leaf: bigint }
  | { readonly of: readonly [Tree]; readonly operation: keyof typeof ONE; readonly bits: number }
  | { readonly of: readonly [Tree, Tree]; readonly operation: keyof typeof TWO };

const i64 = (value: bigint): bigint => new BigInt64Array(new BigUint64Array([value]).buffer)[0] ?? 0n;
const u64 = (value: bigint): bigint => new BigUint64Array([value])[0] ?? 0n;
const low = (value: bigint, bits: number): bigint => value & (2n ** BigInt(bits) - 1n);

const ONE = {
  log_not: { code: 0x0e, operand: false, value: (a: bigint) => (a ? 0n : 1n) },
  bit_not: { code: 0x12, operand: false, value: (a: bigint) => u64(-a - 1n) },
  zero_ext: { code: 0x2a, operand: true, value: low },
  ext: {
    code: 0x16,
    operand: true,
    value: (a: bigint, bits: number) => {
      const part = low(a, bits);
      return part >> BigInt(bits - 1) ? u64(part - 2n ** BigInt(bits)) : part;
    },
  },
} as const;

const TWO = {
  add: { code: 0x02, value: (a: bigint, b: bigint) => u64(a + b) },
  sub: { code: 0x03, value: (a: bigint, b: bigint) => u64(a - b) },
  mul: { code: 0x04, value: (a: bigint, b: bigint) => u64(a * b) },
  div_signed: { code: 0x05, value: (a: bigint, b: bigint) => (b ? u64(i64(a) / i64(b)) : null) },
  div_unsigned: { code: 0x06, value: (a: bigint, b: bigint) => (b ? a / b : null) },
  rem_signed: { code: 0x07, value: (a: bigint, b: bigint) => (b ? u64(i64(a) - (i64(a) / i64(b)) * i64(b)) : null) },
  rem_unsigned: { code: 0x08, value: (a: bigint, b: bigint) => (b ? a - (a / b) * b : null) },
  lsh: { code: 0x09, value: (a: bigint, b: bigint) => (b < 64n ? u64(a * 2n ** b) : null) },
  rsh_unsigned: { code: 0x0b, value: (a: bigint, b: bigint) => (b < 64n ? a / 2n ** b : null) },
  bit_and: { code: 0x0f, value: (a: bigint, b: bigint) => a & b },
  bit_or: { code: 0x10, value: (a: bigint, b: bigint) => u64(a + b - (a & b)) },
  bit_xor: { code: 0x11, value: (a: bigint, b: bigint) => (a | b) - (a & b) },
  equal: { code: 0x13, value: (a: bigint, b: bigint) => (a - b ? 0n : 1n) },
  less_signed: { code: 0x14, value: (a: bigint, b: bigint) => (i64(a) < i64(b) ? 1n : 0n) },
  less_unsigned: { code: 0x15, value: (a: bigint, b: bigint) => (b > a ? 1n : 0n) },
} as const;

function compiled(tree: Tree): number[] {
  if ("leaf" in tree) return word(tree.leaf);
  if (!("bits" in tree)) return [...tree.of.flatMap(compiled), TWO[tree.operation].code];
  const { code, operand } = ONE[tree.operation];
  return [...compiled(tree.of[0]), code, ...(operand ? [tree.bits] : [])];
}

function workedOut(tree: Tree): bigint | null {
  if ("leaf" in tree) return tree.leaf;
  const [a, b] = tree.of.map(workedOut);
  if (a === null || a === undefined || b === null) return null;
  if ("bits" in tree) return ONE[tree.operation].value(a, tree.bits);
  return b === undefined ? null : TWO[tree.operation].value(a, b);
}

const leaves = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 70n }),
  fc.constant(1n << 63n),
);
const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree; two: Tree; one: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5 }, fc.record({ leaf: leaves }), tie("two"), tie("one")),
  two: fc.record({
    of: fc.tuple(tie("tree"), tie("tree")),
    operation: fc.constantFrom(...(Object.keys(TWO) as Array<keyof typeof TWO>)),
  }),
  one: fc.record({
    of: fc.tuple(tie("tree")),
    operation: fc.constantFrom(...(Object.keys(ONE) as Array<keyof typeof ONE>)),
    bits: fc.integer({ min: 1, max: 64 }),
  }),
})).tree;

describe("arithmetic", () => {
  it("equals that of another evaluator for every expression", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        expect(outcomeOf([...compiled(tree), END]).value).toBe(workedOut(tree));
      }),
      { numRuns: 2_000 },
    );
  });

  it("shifts a sign to the right", () => {
    expect(outcomeOf([...word(-8n), ...word(1n), 0x0a, END]).value).toBe(u64(-4n));
  });
});

describe("parseConditions", () => {
  it("reads what gdb writes, with and without `;` between conditions", () => {
    const two = [Uint8Array.of(0x22, 1, END), Uint8Array.of(0x22, 0, END)];
    expect(parseConditions("X3,220127X3,220027")).toEqual(two);
    expect(parseConditions("X3,220127;X3,220027")).toEqual(two);
    expect(parseConditions("")).toEqual([]);
  });

  it("refuses all else", () => {
    for (const extra of [
      "X2,220127",
      "X3,22012",
      "X0,",
      "cmds:0,X3,220127",
      "X3,220127;cmds:1",
      "X3,220127;",
      "x",
      "X",
    ]) {
      expect(parseConditions(extra)).toBeNull();
    }
    expect(parseConditions("X1,27".repeat(AGENT_CONDITIONS_MAX))).toHaveLength(AGENT_CONDITIONS_MAX);
    expect(parseConditions("X1,27".repeat(AGENT_CONDITIONS_MAX + 1))).toBeNull();
    const long = AGENT_CODE_BYTES_MAX + 1;
    expect(parseConditions(`X${long.toString(16)},${"27".repeat(long)}`)).toBeNull();
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseConditions(text)));
  });
});
