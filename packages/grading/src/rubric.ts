import type { Bilingual } from "@ringside/shared";
import type { SteppedFact, StopCause, StoppedFact } from "@ringside/trace";
import type { KernelFunction } from "./function-names.ts";

/** What a value is compared with: a number, the student's own parameter of that name, or a kind of address. */
export type Expected =
  | { readonly kind: "value"; readonly value: bigint }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "address"; readonly of: "kernel" | "user" };

export interface NamedExpected {
  readonly name: string;
  readonly expected: Expected;
}

/** `refuse`: a stop proves nothing once a debugger wrote to the machine's registers or memory. */
type AfterWrites = "refuse" | "accept";
/** Whether reads count that were answered near gdb, which are the student's word. */
type Told = "accept" | "refuse";

export interface StoppedAt {
  readonly kind: "stopped_at";
  /** Null where any place will do. */
  readonly function: KernelFunction | null;
  /** A function of the lab's own program. */
  readonly program: string | null;
  /** At least one of these functions stands in the call chain; null where that does not matter. */
  readonly via: KernelFunction | null;
  readonly args: readonly NamedExpected[];
  readonly registers: readonly NamedExpected[];
  /** What the program had in them when it entered the kernel. */
  readonly userRegisters: readonly NamedExpected[];
  readonly syscall: Expected | null;
  readonly mode: "kernel" | "user" | null;
  readonly position: Exclude<StoppedFact["position"], null> | null;
  readonly cause: StopCause | null;
  readonly byStep: SteppedFact["how"] | null;
  /** Only stops behind the moment when this check was met. */
  readonly after: string | null;
  readonly afterWrites: AfterWrites;
}

export interface Stepped {
  readonly kind: "stepped";
  readonly how: SteppedFact["how"];
  /** The function that steps begin in. */
  readonly in: KernelFunction | null;
  readonly atLeast: number;
  readonly after: string | null;
}

export interface LookedAt {
  readonly kind: "looked_at";
  readonly structure: string;
  /** Null: any of its members. */
  readonly member: string | null;
  readonly value: Expected | null;
  readonly after: string | null;
  readonly told: Told;
}

export interface ReadMemory {
  readonly kind: "read_memory";
  /** A variable or function of the kernel; null for the stack. */
  readonly symbol: string | null;
  /** Where the machine stood. */
  readonly in: KernelFunction | null;
  readonly after: string | null;
  readonly told: Told;
}

export interface ReadRegisters {
  readonly kind: "read_registers";
  readonly after: string | null;
  readonly told: Told;
}

export interface Printed {
  readonly kind: "printed";
  readonly text: string;
  readonly after: string | null;
}

/** Where a question's right answer stands in the trace. */
export type AnswerSource =
  | { readonly of: "argument" | "register" | "user_register"; readonly name: string }
  | { readonly of: "syscall" }
  | { readonly of: "member"; readonly structure: string; readonly member: string };

export type RightAnswer =
  | { readonly kind: "value"; readonly value: bigint }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "function"; readonly function: KernelFunction }
  | { readonly kind: "from"; readonly check: string; readonly source: AnswerSource };

export interface Answered {
  readonly kind: "answered";
  readonly question: string;
  /** Any of these. */
  readonly right: readonly RightAnswer[];
  /** How far a number may be off. */
  readonly tolerance: bigint;
}

export interface Never {
  readonly kind: "never";
  readonly registers: boolean;
  readonly memory: boolean;
  /** The program counter was set: by `jump`, `set $rip`, or a resume at another address. */
  readonly jumps: boolean;
  readonly stoppedAt: KernelFunction | null;
  /** Only before this check was met; null: in the whole trace. */
  readonly before: string | null;
}

export type Condition =
  | { readonly kind: "attached" }
  | { readonly kind: "breakpoint_on"; readonly function: KernelFunction }
  | { readonly kind: "breakpoint_silent"; readonly function: KernelFunction; readonly while: string }
  | { readonly kind: "console_typed"; readonly text: string }
  | Printed
  | StoppedAt
  | Stepped
  | LookedAt
  | ReadMemory
  | ReadRegisters
  | Answered
  | { readonly kind: "resumed_after"; readonly check: string }
  | Never
  | { readonly kind: "all_of" | "any_of" | "none_of"; readonly conditions: readonly Condition[] };

export type ConditionOf<K extends Condition["kind"]> = Extract<Condition, { kind: K }>;

/** A part of a check's points. */
export interface Partial {
  readonly points: number;
  readonly title: Bilingual | null;
  readonly needs: readonly string[];
  readonly when: Condition;
}

export interface Check {
  readonly id: string;
  readonly title: Bilingual;
  readonly points: number;
  /** Checks that must pass before this one counts: those named in `needs`, and those its condition speaks of. */
  readonly needs: readonly string[];
  readonly when: Condition;
  /** Of those that are met the one with the most points counts, where the check itself is not met. */
  readonly partial: readonly Partial[];
  /** Advice that follows the reason where the check is not met. */
  readonly hint: Bilingual | null;
}

/** Something that students are asked, for handouts and `ringside answer`. */
export interface Question {
  readonly id: string;
  readonly title: Bilingual;
  readonly kind: "number" | "text";
}

export interface Rubric {
  /** In the file's order. */
  readonly checks: readonly Check[];
  readonly questions: readonly Question[];
}

/** The most points that a rubric gives. */
export function pointsMaxOf(rubric: Pick<Rubric, "checks">): number {
  return rubric.checks.reduce((sum, check) => sum + check.points, 0);
}

/** A condition and all conditions inside it. */
function* conditionsIn(condition: Condition): Generator<Condition, void, void> {
  yield condition;
  if (!("conditions" in condition)) return;
  for (const inner of condition.conditions) yield* conditionsIn(inner);
}

/** All conditions of a check, those for a part of its points too. */
export function* conditionsOf(check: Check): Generator<Condition, void, void> {
  yield* conditionsIn(check.when);
  for (const { when } of check.partial) yield* conditionsIn(when);
}

/** Checks that a condition speaks of. */
export function checksIn(condition: Condition): readonly string[] {
  return [...conditionsIn(condition)].flatMap(checksOf);
}

function checksOf(condition: Condition): readonly string[] {
  switch (condition.kind) {
    case "resumed_after":
      return [condition.check];
    case "breakpoint_silent":
      return [condition.while];
    case "never":
      return some(condition.before);
    case "printed":
    case "stopped_at":
    case "stepped":
    case "looked_at":
    case "read_memory":
    case "read_registers":
      return some(condition.after);
    case "answered":
      return condition.right.flatMap((right) => (right.kind === "from" ? [right.check] : []));
    case "attached":
    case "breakpoint_on":
    case "console_typed":
    case "all_of":
    case "any_of":
    case "none_of":
      return [];
    default:
      return condition satisfies never;
  }
}

const some = (check: string | null): readonly string[] => (check === null ? [] : [check]);
