import { answered } from "./conditions/answers.ts";
import { breakpointOn, breakpointSilent } from "./conditions/breakpoints.ts";
import { consoleTyped, printed } from "./conditions/console.ts";
import type { Earlier } from "./conditions/moments.ts";
import { never } from "./conditions/never.ts";
import { lookedAt, readMemory, readRegisters } from "./conditions/reads.ts";
import { resumedAfter, stepped } from "./conditions/steps.ts";
import { stoppedAt } from "./conditions/stopped-at.ts";
import type { Evidence } from "./evidence.ts";
import { met, type Outcome, unmet } from "./outcome.ts";
import { REASONS } from "./reasons.ts";
import type { Condition } from "./rubric.ts";

/** Evaluates a condition. Pure; every check that it speaks of is in `earlier`. */
export function evaluate(condition: Condition, evidence: Evidence, earlier: Earlier): Outcome {
  const each = (conditions: readonly Condition[]) => conditions.map((inner) => evaluate(inner, evidence, earlier));
  switch (condition.kind) {
    case "attached":
      return attached(evidence);
    case "breakpoint_on":
      return breakpointOn(condition.function, evidence);
    case "breakpoint_silent":
      return breakpointSilent(condition, evidence, earlier);
    case "console_typed":
      return consoleTyped(condition.text, evidence);
    case "printed":
      return printed(condition, evidence, earlier);
    case "stopped_at":
      return stoppedAt(condition, evidence, earlier);
    case "stepped":
      return stepped(condition, evidence, earlier);
    case "looked_at":
      return lookedAt(condition, evidence, earlier);
    case "read_memory":
      return readMemory(condition, evidence, earlier);
    case "read_registers":
      return readRegisters(condition, evidence, earlier);
    case "answered":
      return answered(condition, evidence, earlier);
    case "resumed_after":
      return resumedAfter(condition.check, evidence, earlier);
    case "never":
      return never(condition, evidence, earlier);
    case "all_of":
      return allOf(each(condition.conditions));
    case "any_of":
      return anyOf(each(condition.conditions));
    case "none_of":
      return noneOf(each(condition.conditions));
    default:
      return condition satisfies never;
  }
}

function attached(evidence: Evidence): Outcome {
  const found = evidence.own("attached").find((fact) => fact.to === "gdb");
  return found ? met(REASONS.attached, found.event) : unmet(REASONS.neverAttached);
}

function allOf(outcomes: readonly Outcome[]): Outcome {
  const missing = outcomes.find((outcome) => !outcome.met);
  return missing ?? { ...joined(outcomes), met: true };
}

function anyOf(outcomes: readonly Outcome[]): Outcome {
  return outcomes.find((outcome) => outcome.met) ?? { ...joined(outcomes), met: false };
}

function noneOf(outcomes: readonly Outcome[]): Outcome {
  const found = outcomes.find((outcome) => outcome.met);
  return found === undefined ? { met: true, reason: REASONS.noneOf, events: [] } : { ...found, met: false };
}

function joined(outcomes: readonly Outcome[]): Omit<Outcome, "met"> {
  const events = new Set(outcomes.flatMap((outcome) => outcome.events));
  return {
    reason: REASONS.both(outcomes.map(({ reason }) => reason)),
    events: [...events].sort((a, b) => a - b),
  };
}
