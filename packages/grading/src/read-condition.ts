import type { KernelFunction } from "./function-names.ts";
import type {
  Answered,
  AnswerSource,
  Condition,
  Expected,
  LookedAt,
  NamedExpected,
  Never,
  ReadMemory,
  RightAnswer,
  Stepped,
  StoppedAt,
} from "./rubric.ts";
import type { WrittenCondition } from "./written-conditions.ts";
import { ADDRESS_WORDS, LARGE_NUMBER, PARAMETER } from "./written-values.ts";

/** Functions that the rubric gives further names, by the name it uses. */
export type Functions = ReadonlyMap<string, KernelFunction>;
type Written<K extends keyof WrittenCondition> = Exclude<WrittenCondition[K], undefined>;

/** A condition in the form that is evaluated. The schema has seen to it that it has exactly one member. */
export function conditionOf(written: WrittenCondition, functions: Functions): Condition {
  const named = (name: string): KernelFunction => functions.get(name) ?? { name, names: [name] };
  const all = (conditions: readonly WrittenCondition[]) => conditions.map((each) => conditionOf(each, functions));
  const { breakpoint_on, breakpoint_silent, console_typed, printed, resumed_after, stopped_at, stepped } = written;
  if (breakpoint_on !== undefined) return { kind: "breakpoint_on", function: named(breakpoint_on) };
  if (breakpoint_silent !== undefined) {
    return { kind: "breakpoint_silent", function: named(breakpoint_silent.function), while: breakpoint_silent.while };
  }
  if (console_typed !== undefined) return { kind: "console_typed", text: console_typed };
  if (printed !== undefined) return { kind: "printed", text: printed.text, after: printed.after ?? null };
  if (resumed_after !== undefined) return { kind: "resumed_after", check: resumed_after };
  if (stopped_at !== undefined) return stoppedAtOf(stopped_at, named);
  if (stepped !== undefined) return steppedOf(stepped, named);
  if (written.looked_at !== undefined) return lookedAtOf(written.looked_at);
  if (written.read_memory !== undefined) return readMemoryOf(written.read_memory, named);
  if (written.read_registers !== undefined) {
    const { after = null, told } = written.read_registers;
    return { kind: "read_registers", after, told };
  }
  if (written.answered !== undefined) return answeredOf(written.answered, named);
  if (written.never !== undefined) return neverOf(written.never, named);
  if (written.all_of !== undefined) return { kind: "all_of", conditions: all(written.all_of) };
  if (written.any_of !== undefined) return { kind: "any_of", conditions: all(written.any_of) };
  if (written.none_of !== undefined) return { kind: "none_of", conditions: all(written.none_of) };
  return { kind: "attached" };
}

type Named = (name: string) => KernelFunction;

function stoppedAtOf(written: Written<"stopped_at">, named: Named): StoppedAt {
  return {
    kind: "stopped_at",
    function: written.function === undefined ? null : named(written.function),
    program: written.program ?? null,
    via: written.via === undefined ? null : named(written.via),
    args: expectations(written.args),
    registers: expectations(written.registers),
    userRegisters: expectations(written.user_registers),
    syscall: written.syscall === undefined ? null : expectedOf(written.syscall),
    mode: written.mode ?? null,
    position: written.position ?? null,
    cause: written.cause ?? null,
    byStep: written.by_step ?? null,
    after: written.after ?? null,
    afterWrites: written.after_writes,
  };
}

function steppedOf({ how, in: place, at_least, after }: Written<"stepped">, named: Named): Stepped {
  return {
    kind: "stepped",
    how,
    in: place === undefined ? null : named(place),
    atLeast: at_least,
    after: after ?? null,
  };
}

function lookedAtOf({ structure, member, value, after, told }: Written<"looked_at">): LookedAt {
  return {
    kind: "looked_at",
    structure,
    member: member ?? null,
    value: value === undefined ? null : expectedOf(value),
    after: after ?? null,
    told,
  };
}

function readMemoryOf({ symbol, in: place, after, told }: Written<"read_memory">, named: Named): ReadMemory {
  const standing = place === undefined ? null : named(place);
  return { kind: "read_memory", symbol: symbol ?? null, in: standing, after: after ?? null, told };
}

function neverOf(written: Written<"never">, named: Named): Never {
  return {
    kind: "never",
    registers: written.wrote_registers ?? false,
    memory: written.wrote_memory ?? false,
    jumps: written.jumped ?? false,
    stoppedAt: written.stopped_at === undefined ? null : named(written.stopped_at),
    before: written.before ?? null,
  };
}

function answeredOf({ question, equals, tolerance }: Written<"answered">, named: Named): Answered {
  const right = Array.isArray(equals) ? equals : [equals];
  return {
    kind: "answered",
    question,
    right: right.map((each) => rightAnswerOf(each, named)),
    tolerance: BigInt(tolerance),
  };
}

type WrittenAnswer = Exclude<Written<"answered">["equals"], readonly unknown[]>;

function rightAnswerOf(written: WrittenAnswer, named: Named): RightAnswer {
  if (typeof written === "number") return { kind: "value", value: BigInt(written) };
  if (typeof written === "string") {
    if (PARAMETER.test(written)) return { kind: "parameter", name: written.slice("$".length) };
    return LARGE_NUMBER.test(written) ? { kind: "value", value: BigInt(written) } : { kind: "text", text: written };
  }
  if ("function" in written) return { kind: "function", function: named(written.function) };
  return { kind: "from", check: written.from.check, source: sourceOf(written.from) };
}

function sourceOf(written: Exclude<WrittenAnswer, string | number | { function: string }>["from"]): AnswerSource {
  if (written.argument !== undefined) return { of: "argument", name: written.argument };
  if (written.register !== undefined) return { of: "register", name: written.register };
  if (written.user_register !== undefined) return { of: "user_register", name: written.user_register };
  if (written.member === undefined) return { of: "syscall" };
  const dot = written.member.indexOf(".");
  return { of: "member", structure: written.member.slice(0, dot), member: written.member.slice(dot + 1) };
}

function expectations(written: Readonly<Record<string, string | number>>): readonly NamedExpected[] {
  return Object.entries(written).map(([name, value]) => ({ name, expected: expectedOf(value) }));
}

function expectedOf(value: string | number): Expected {
  if (typeof value === "number") return { kind: "value", value: BigInt(value) };
  if (PARAMETER.test(value)) return { kind: "parameter", name: value.slice("$".length) };
  if (LARGE_NUMBER.test(value)) return { kind: "value", value: BigInt(value) };
  return { kind: "address", of: value === ADDRESS_WORDS[0] ? "kernel" : "user" };
}
