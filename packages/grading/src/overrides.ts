import type { GradeResult, Override, Verdict } from "@ringside/shared";

export interface Overridden {
  readonly result: GradeResult;
  /** Those that fit no check: it is gone from the rubric, or is worth less by now. */
  readonly unused: readonly Override[];
}

/**
 * Puts an instructor's judgements in the place of the grader's, whose own verdicts are kept beside them. Pure. Of
 * several for one check the last in the list counts; none is ever dropped in silence.
 * @param result as `gradeTrace` gave it
 */
export function withOverrides(result: GradeResult, overrides: readonly Override[]): Overridden {
  const fits = (override: Override): boolean =>
    result.verdicts.some(({ check, pointsMax }) => check === override.check && override.points <= pointsMax);
  const fitting = overrides.filter(fits);
  const verdicts = result.verdicts.map((verdict) => {
    const last = fitting.findLast(({ check }) => check === verdict.check);
    return last === undefined ? verdict : overridden(verdict, last);
  });
  const points = verdicts.reduce((sum, verdict) => sum + verdict.points, 0);
  return { result: { ...result, points, verdicts }, unused: overrides.filter((each) => !fits(each)) };
}

function overridden(verdict: Verdict, { points, reason, author, authorName, at }: Override): Verdict {
  const automatic = verdict.override?.automatic ?? {
    verdict: verdict.verdict,
    points: verdict.points,
    reason: verdict.reason,
  };
  return {
    ...verdict,
    verdict: points === verdict.pointsMax ? "pass" : points === 0 ? "fail" : "partial",
    points,
    reason: { en: reason, zh: reason },
    override: { author, ...(authorName !== undefined && { authorName }), at, automatic },
  };
}
