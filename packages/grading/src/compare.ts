import type { CheckChange, GradeResult, Verdict } from "@ringside/shared";

export interface GradeComparison {
  readonly changed: boolean;
  /** Checks that are judged otherwise, in the order of the new grade; then those that only the old one has. */
  readonly checks: readonly CheckChange[];
}

/**
 * What of a grade is another than before: its outcome, a check's verdict, its points, or what it is worth. Other
 * words for the same verdict are no change. Pure.
 * @param before null where there was none
 */
export function compareGrades(before: GradeResult | null, after: GradeResult): GradeComparison {
  const old = new Map((before?.verdicts ?? []).map((verdict) => [verdict.check, verdict]));
  const fresh = new Set(after.verdicts.map(({ check }) => check));
  const gone = (before?.verdicts ?? []).filter(({ check }) => !fresh.has(check));
  const checks = [
    ...after.verdicts.flatMap((verdict) => difference(old.get(verdict.check) ?? null, verdict)),
    ...gone.flatMap((verdict) => difference(verdict, null)),
  ];
  return { changed: checks.length > 0 || before?.outcome !== after.outcome, checks };
}

function difference(before: Verdict | null, after: Verdict | null): readonly CheckChange[] {
  const either = after ?? before;
  if (either === null || sameJudgement(before, after)) return [];
  return [{ check: either.check, title: either.title, before: judged(before), after: judged(after) }];
}

function sameJudgement(before: Verdict | null, after: Verdict | null): boolean {
  if (before === null || after === null) return before === after;
  return before.verdict === after.verdict && before.points === after.points && before.pointsMax === after.pointsMax;
}

function judged(verdict: Verdict | null): CheckChange["before"] {
  if (verdict === null) return null;
  const { points, pointsMax, override } = verdict;
  return { verdict: verdict.verdict, points, pointsMax, overridden: override !== undefined };
}
