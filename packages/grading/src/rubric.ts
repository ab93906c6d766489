import type { Bilingual } from "@ringside/shared";
import type { StopCause } from "@ringside/trace";

/** A kernel function with every name that it may have; the first is the one that people know. */
export interface KernelFunction {
  readonly name: string;
  readonly names: readonly string[];
}

/** A value that is written out, or the student's own parameter of that name. */
export type Expected =
  | { readonly kind: "value"; readonly value: bigint }
  | { readonly kind: "parameter"; readonly name: string };

export interface StoppedAt {
  readonly kind: "stopped_at";
  readonly function: KernelFunction;
  /** At least one of these functions stands in the call chain; null where that does not matter. */
  readonly via: KernelFunction | null;
  readonly args: readonly { readonly name: string; readonly expected: Expected }[];
  readonly cause: StopCause | null;
  /** `refuse`: a stop proves nothing once a debugger wrote to the machine's registers or memory. */
  readonly afterWrites: "refuse" | "accept";
}

export interface Never {
  readonly kind: "never";
  readonly registers: boolean;
  readonly memory: boolean;
  /** Only before this check was met; null: in the whole trace. */
  readonly before: string | null;
}

export type Condition =
  | { readonly kind: "attached" }
  | { readonly kind: "breakpoint_on"; readonly function: KernelFunction }
  | { readonly kind: "console_typed"; readonly text: string }
  | StoppedAt
  | { readonly kind: "resumed_after"; readonly check: string }
  | Never
  | { readonly kind: "all_of" | "any_of"; readonly conditions: readonly Condition[] };

export interface Check {
  readonly id: string;
  readonly title: Bilingual;
  readonly points: number;
  /** Checks that must pass before this one counts: those named in `needs`, and those its condition speaks of. */
  readonly needs: readonly string[];
  readonly when: Condition;
  /** Advice that follows the reason where the check is not met. */
  readonly hint: Bilingual | null;
}

export interface Rubric {
  /** In the file's order. */
  readonly checks: readonly Check[];
}

/** The most points that a rubric gives. */
export function pointsMaxOf(rubric: Rubric): number {
  return rubric.checks.reduce((sum, check) => sum + check.points, 0);
}

/** A condition and all conditions inside it. */
export function* conditionsIn(condition: Condition): Generator<Condition, void, void> {
  yield condition;
  if (condition.kind !== "all_of" && condition.kind !== "any_of") return;
  for (const inner of condition.conditions) yield* conditionsIn(inner);
}

/** Checks that a condition speaks of. */
export function checksIn(condition: Condition): readonly string[] {
  return [...conditionsIn(condition)].flatMap((inner) => {
    if (inner.kind === "resumed_after") return [inner.check];
    return inner.kind === "never" && inner.before !== null ? [inner.before] : [];
  });
}
