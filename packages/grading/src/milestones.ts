import type { Bilingual, GradeResult, Milestone } from "@ringside/shared";
import type { Check, Rubric } from "./rubric.ts";

export interface MilestonesInput {
  readonly result: GradeResult;
  /** Wall time at which the trace was opened, ms; null where it is not known. */
  readonly openedMs: number | null;
}

/** Of each verdict, the moment with which its check was complete: the last event that shows it. Pure. */
export function milestonesOf({ result, openedMs }: MilestonesInput): readonly Milestone[] {
  return result.verdicts.map(({ check, title, verdict, points, pointsMax, reason, evidence, times = [] }) => {
    const counts = verdict === "pass" || verdict === "partial";
    const t = counts ? times.at(-1) : undefined;
    return {
      ...{ check, title, verdict, points, pointsMax, reason },
      event: counts ? (evidence.at(-1) ?? null) : null,
      at: t === undefined || openedMs === null ? null : new Date(openedMs + t).toISOString(),
    };
  });
}

/**
 * What comes next: the first check in the rubric's order that is not met and whose needs are; else the first that is
 * not met. Null where all are.
 */
export function nextCheck(
  rubric: Rubric,
  milestones: readonly Milestone[],
): { readonly check: string; readonly title: Bilingual; readonly hint: Bilingual | null } | null {
  const met = new Set(milestones.filter(({ verdict }) => verdict === "pass").map(({ check }) => check));
  const missing = rubric.checks.filter(({ id }) => !met.has(id));
  const within = (check: Check) => check.needs.every((need) => met.has(need));
  const next = missing.find(within) ?? missing[0];
  return next === undefined ? null : { check: next.id, title: next.title, hint: next.hint };
}
