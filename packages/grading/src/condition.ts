import type { Evidence } from "./evidence.ts";
import { SEEN_MAX } from "./limits.ts";
import { met, type Outcome, unmet } from "./outcome.ts";
import { REASONS } from "./reasons.ts";
import type { Condition, KernelFunction, Never } from "./rubric.ts";
import { stoppedAt } from "./stopped-at.ts";

/** Outcomes of the checks that a condition may speak of. */
export type Earlier = ReadonlyMap<string, Outcome>;

/** Evaluates a condition. Pure; every check that it speaks of is in `earlier`. */
export function evaluate(condition: Condition, evidence: Evidence, earlier: Earlier): Outcome {
  switch (condition.kind) {
    case "attached":
      return attached(evidence);
    case "breakpoint_on":
      return breakpointOn(condition.function, evidence);
    case "console_typed":
      return consoleTyped(condition.text, evidence);
    case "stopped_at":
      return stoppedAt(condition, evidence);
    case "resumed_after":
      return resumedAfter(condition.check, evidence, earlier);
    case "never":
      return never(condition, evidence, earlier);
    case "all_of":
      return allOf(condition.conditions.map((each) => evaluate(each, evidence, earlier)));
    case "any_of":
      return anyOf(condition.conditions.map((each) => evaluate(each, evidence, earlier)));
    default:
      return condition satisfies never;
  }
}

function attached(evidence: Evidence): Outcome {
  const found = evidence.of("attached").find((fact) => fact.to === "gdb" && evidence.isStudent(fact.who));
  return found ? met(REASONS.attached, found.event) : unmet(REASONS.neverAttached);
}

function breakpointOn(target: KernelFunction, evidence: Evidence): Outcome {
  const inserted = evidence
    .of("breakpoint_inserted")
    .filter(({ breakpoint }) => breakpoint === "software" || breakpoint === "hardware")
    .filter(({ who }) => evidence.isStudent(who));
  const found = inserted.find(({ names }) => names.some((name) => target.names.includes(name)));
  if (found !== undefined) return met(REASONS.breakpointSet(target.name), found.event);
  const others = new Set(inserted.flatMap(({ symbol }) => (symbol === null ? [] : [symbol.name])));
  return unmet(REASONS.noBreakpoint(target.name, [...others].slice(0, SEEN_MAX)));
}

function consoleTyped(text: string, evidence: Evidence): Outcome {
  const found = evidence.of("console_typed").find(({ who, line }) => evidence.isStudent(who) && says(line, text));
  return found ? met(REASONS.typed(text), found.event) : unmet(REASONS.notTyped(text));
}

/** MenuOS takes a line's first word for the command, so that the rest of the line does not matter. */
function says(line: string, text: string): boolean {
  const words = line.trim().split(/\s+/);
  return words.join(" ") === text || words[0] === text;
}

function resumedAfter(check: string, evidence: Evidence, earlier: Earlier): Outcome {
  const after = lastEvent(earlier, check);
  const found = [...evidence.of("resumed"), ...evidence.of("detached")]
    .filter(({ event, who }) => event > after && evidence.mayCount(who))
    .sort((a, b) => a.event - b.event)[0];
  return found ? met(REASONS.wentOn, found.event) : unmet(REASONS.didNotGoOn);
}

function never({ registers, memory, before }: Never, evidence: Evidence, earlier: Earlier): Outcome {
  const until = before === null ? undefined : lastEvent(earlier, before);
  const found = evidence.writes(until).filter(({ kind }) => (kind === "registers_written" ? registers : memory));
  const [first] = found;
  if (first === undefined) return { met: true, reason: REASONS.wroteNothing, events: [] };
  const what = (["registers", "memory"] as const).filter((each) => found.some((f) => f.kind === `${each}_written`));
  return unmet(REASONS.wrote(what, first.event), ...found.map(({ event }) => event));
}

function allOf(outcomes: readonly Outcome[]): Outcome {
  const missing = outcomes.find((outcome) => !outcome.met);
  return missing ?? { ...joined(outcomes), met: true };
}

function anyOf(outcomes: readonly Outcome[]): Outcome {
  return outcomes.find((outcome) => outcome.met) ?? { ...joined(outcomes), met: false };
}

function joined(outcomes: readonly Outcome[]): Omit<Outcome, "met"> {
  const events = new Set(outcomes.flatMap((outcome) => outcome.events));
  return {
    reason: REASONS.both(outcomes.map(({ reason }) => reason)),
    events: [...events].sort((a, b) => a - b),
  };
}

/** The event with which a check was complete. */
function lastEvent(earlier: Earlier, check: string): number {
  return Math.max(-1, ...(earlier.get(check)?.events ?? []));
}
