import { AGENT_CODE_BYTES_MAX, AGENT_STACK_MAX, AGENT_STEPS_MAX } from "./limits.ts";

/**
 * gdb's agent expressions (gdb manual, appendix "The GDB Agent Expression Mechanism"): the bytecode that gdb makes of
 * a breakpoint's condition. A stack machine of 64-bit words; operands in the code are big-endian.
 * Left out are floating point, tracing and trace variables, which conditions on integers and pointers do not need.
 */

/** What an evaluation asks for. The answer is the value, unsigned; null where it cannot be read. */
export type AgentQuestion =
  /** A register by its number in `p` packets; in its own width, not sign-extended. */
  | { readonly register: number }
  /** The little-endian number of so many bytes. */
  | { readonly memory: { readonly address: bigint; readonly bytes: 1 | 2 | 4 | 8 } };

const WORD_BITS = 64;
const unsigned = (value: bigint): bigint => BigInt.asUintN(WORD_BITS, value);
const signed = (value: bigint): bigint => BigInt.asIntN(WORD_BITS, value);
const truth = (holds: boolean): bigint => (holds ? 1n : 0n);

type Unary = (a: bigint) => bigint;
/** `b` was on top. Null: the result is not defined. */
type Binary = (a: bigint, b: bigint) => bigint | null;

/** A shift by the whole word or more is not defined in C, and gdb has an opinion of its own. */
const shifted = (count: bigint, result: (count: bigint) => bigint): bigint | null =>
  count < BigInt(WORD_BITS) ? result(count) : null;
const divided = (divisor: bigint, result: () => bigint): bigint | null => (divisor === 0n ? null : result());

const UNARY: ReadonlyMap<number, Unary> = new Map<number, Unary>([
  [0x0e, (a) => truth(a === 0n)], // log_not
  [0x12, (a) => ~a], // bit_not
]);

const BINARY: ReadonlyMap<number, Binary> = new Map<number, Binary>([
  [0x02, (a, b) => a + b], // add
  [0x03, (a, b) => a - b], // sub
  [0x04, (a, b) => a * b], // mul
  [0x05, (a, b) => divided(b, () => signed(a) / signed(b))], // div_signed
  [0x06, (a, b) => divided(b, () => a / b)], // div_unsigned
  [0x07, (a, b) => divided(b, () => signed(a) % signed(b))], // rem_signed
  [0x08, (a, b) => divided(b, () => a % b)], // rem_unsigned
  [0x09, (a, b) => shifted(b, (count) => a << count)], // lsh
  [0x0a, (a, b) => shifted(b, (count) => signed(a) >> count)], // rsh_signed
  [0x0b, (a, b) => shifted(b, (count) => a >> count)], // rsh_unsigned
  [0x0f, (a, b) => a & b], // bit_and
  [0x10, (a, b) => a | b], // bit_or
  [0x11, (a, b) => a ^ b], // bit_xor
  [0x13, (a, b) => truth(a === b)], // equal
  [0x14, (a, b) => truth(signed(a) < signed(b))], // less_signed
  [0x15, (a, b) => truth(a < b)], // less_unsigned
]);

/** `const8` to `const64`: the operand's bytes. */
const CONSTANTS: ReadonlyMap<number, number> = new Map([
  [0x22, 1],
  [0x23, 2],
  [0x24, 4],
  [0x25, 8],
]);

/** `ref8` to `ref64`: the bytes read. */
const REFERENCES: ReadonlyMap<number, 1 | 2 | 4 | 8> = new Map([
  [0x17, 1],
  [0x18, 2],
  [0x19, 4],
  [0x1a, 8],
] as const);

const EXT = 0x16;
const IF_GOTO = 0x20;
const GOTO = 0x21;
const REG = 0x26;
const END = 0x27;
const DUP = 0x28;
const POP = 0x29;
const ZERO_EXT = 0x2a;
const SWAP = 0x2b;
const PICK = 0x32;
const ROT = 0x33;

/** Ends an evaluation that has no result. */
class NoResult extends Error {}

/** The code, read from its beginning on. */
class Reader {
  readonly #code: Uint8Array;
  #at = 0;

  constructor(code: Uint8Array) {
    this.#code = code;
  }

  /** The next bytes as a big-endian number. */
  take(bytes: number): bigint {
    let value = 0n;
    for (let i = 0; i < bytes; i += 1) {
      const byte = this.#code[this.#at];
      if (byte === undefined) throw new NoResult();
      value = (value << 8n) | BigInt(byte);
      this.#at += 1;
    }
    return value;
  }

  goTo(at: number): void {
    this.#at = at;
  }
}

class Stack {
  readonly #values: bigint[] = [];

  push(value: bigint): void {
    if (this.#values.length === AGENT_STACK_MAX) throw new NoResult();
    this.#values.push(unsigned(value));
  }

  pop(): bigint {
    const value = this.#values.pop();
    if (value === undefined) throw new NoResult();
    return value;
  }

  /** @param depth 0 is the top */
  pick(depth: number): void {
    const value = this.#values.at(-1 - depth);
    if (value === undefined) throw new NoResult();
    this.push(value);
  }
}

/** Moves values about, or changes the top. False: no such operation. */
function shuffle(operation: number, stack: Stack, reader: Reader): boolean {
  switch (operation) {
    case DUP:
      stack.pick(0);
      return true;
    case PICK:
      stack.pick(Number(reader.take(1)));
      return true;
    case POP:
      stack.pop();
      return true;
    case SWAP: {
      const [b, a] = [stack.pop(), stack.pop()];
      for (const value of [b, a]) stack.push(value);
      return true;
    }
    case ROT: {
      const [c, b, a] = [stack.pop(), stack.pop(), stack.pop()];
      for (const value of [c, a, b]) stack.push(value);
      return true;
    }
    case EXT:
      stack.push(BigInt.asIntN(Number(reader.take(1)), stack.pop()));
      return true;
    case ZERO_EXT:
      stack.push(BigInt.asUintN(Number(reader.take(1)), stack.pop()));
      return true;
    default:
      return false;
  }
}

function calculate(operation: number, stack: Stack): boolean {
  const unary = UNARY.get(operation);
  if (unary !== undefined) {
    stack.push(unary(stack.pop()));
    return true;
  }
  const binary = BINARY.get(operation);
  if (binary === undefined) return false;
  const [b, a] = [stack.pop(), stack.pop()];
  const result = binary(a, b);
  if (result === null) throw new NoResult();
  stack.push(result);
  return true;
}

/** What `reg` or `ref` asks for; null for any other operation. */
function questionOf(operation: number, stack: Stack, reader: Reader): AgentQuestion | null {
  if (operation === REG) return { register: Number(reader.take(2)) };
  const bytes = REFERENCES.get(operation);
  return bytes === undefined ? null : { memory: { address: stack.pop(), bytes } };
}

function* run(code: Uint8Array): Generator<AgentQuestion, bigint, bigint | null> {
  const reader = new Reader(code);
  const stack = new Stack();
  for (let step = 0; step < AGENT_STEPS_MAX; step += 1) {
    const operation = Number(reader.take(1));
    const constant = CONSTANTS.get(operation);
    const question = questionOf(operation, stack, reader);
    if (constant !== undefined) {
      stack.push(reader.take(constant));
    } else if (question !== null) {
      const value = yield question;
      if (value === null) throw new NoResult();
      stack.push(value);
    } else if (operation === GOTO || operation === IF_GOTO) {
      const target = Number(reader.take(2));
      if (operation === GOTO || stack.pop() !== 0n) reader.goTo(target);
    } else if (operation === END) {
      return stack.pop();
    } else if (!calculate(operation, stack) && !shuffle(operation, stack, reader)) {
      throw new NoResult();
    }
  }
  throw new NoResult();
}

/**
 * Evaluates a condition's bytecode. Asks for registers and memory as it needs them; asks no more than
 * AGENT_STEPS_MAX times, never throws and always ends.
 * @param code from parseConditions()
 * @returns the value, unsigned and 64 bits wide: the condition holds unless it is 0. Null where there is none (an
 *   unreadable value, division by zero, an unknown operation, a bound): stop then, and let gdb decide.
 */
export function* evaluate(code: Uint8Array): Generator<AgentQuestion, bigint | null, bigint | null> {
  if (code.length > AGENT_CODE_BYTES_MAX) return null;
  try {
    return yield* run(code);
  } catch (error) {
    if (error instanceof NoResult) return null;
    throw error;
  }
}
