import type { Evidence } from "../evidence.ts";
import type { KernelFunction } from "../function-names.ts";
import { SEEN_MAX } from "../limits.ts";
import { met, type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { ConditionOf } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";

/** A breakpoint for execution, software or hardware, stood on the function at some time. */
export function breakpointOn(target: KernelFunction, evidence: Evidence): Outcome {
  const inserted = evidence
    .own("breakpoint_inserted")
    .filter(({ breakpoint }) => breakpoint === "software" || breakpoint === "hardware");
  const found = inserted.find(({ names }) => evidence.isOf(names, target));
  if (found !== undefined) return met(REASONS.breakpointSet(target.name), found.event);
  const others = new Set(inserted.flatMap(({ symbol }) => (symbol === null ? [] : [symbol.name])));
  return unmet(REASONS.noBreakpoint(target.name, [...others].slice(0, SEEN_MAX)));
}

/** The student's breakpoint stood while the machine ran to the check's stop, and had not stopped it until then. */
export function breakpointSilent(
  { function: target, while: check }: ConditionOf<"breakpoint_silent">,
  evidence: Evidence,
  earlier: Earlier,
): Outcome {
  const moment = momentOf(earlier, check);
  const stop = evidence.of("stopped").findLast(({ event }) => event <= moment);
  const own = new Set(evidence.own("attached").map(({ who }) => who.connection));
  const stood = (stop?.missed ?? []).filter(
    ({ connection, names }) => own.has(connection) && evidence.isOf(names, target),
  );
  if (stop === undefined || stood.length === 0) return unmet(REASONS.notStanding(target.name, Math.max(moment, 0)));
  const addresses = new Set(stood.map(({ address }) => address));
  const hit = evidence.of("stopped").find(({ pc, event }) => event <= moment && pc !== null && addresses.has(pc));
  return hit === undefined
    ? met(REASONS.silent(target.name, stop.event), stop.event)
    : unmet(REASONS.notSilent(target.name, hit.event), hit.event);
}
