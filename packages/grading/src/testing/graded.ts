import type { GradeResult, GradeTable, Verdict } from "@ringside/shared";

/** A grade with a check of each verdict; anything of it can be given. */
export function aGrade(given: Partial<GradeResult> = {}): GradeResult {
  return {
    outcome: "graded",
    ungradable: null,
    points: 17.5,
    pointsMax: 40,
    verdicts: [
      aVerdict({ check: "attached", verdict: "pass", points: 10, evidence: [3], times: [12.5] }),
      aVerdict({ check: "backlog", verdict: "partial", points: 7.5, evidence: [47, 56], times: [1_500, 62_345.678] }),
      aVerdict({ check: "stopped", verdict: "fail", points: 0 }),
      aVerdict({ check: "went-on", verdict: "not_reached", points: 0 }),
    ],
    rubricDigest: "a".repeat(64),
    traceDigest: "b".repeat(64),
    graderVersion: "2",
    ...given,
  };
}

/** A verdict of 10 points at most, whose texts name its check. */
export function aVerdict(given: Partial<Verdict> & Pick<Verdict, "check" | "verdict" | "points">): Verdict {
  const { check } = given;
  return {
    title: { en: `Title of ${check}`, zh: `${check} 的标题` },
    pointsMax: 10,
    reason: { en: `Why ${check}.`, zh: `${check} 的理由。` },
    evidence: [],
    ...given,
  };
}

/** What a damaged trace gets. */
export function anUngradable(): GradeResult {
  const ungradable = { en: "The trace is damaged.", zh: "记录已损坏。" };
  return aGrade({ outcome: "ungradable", ungradable, points: 0, verdicts: [] });
}

const AT = "2026-03-02T08:00:00.000Z";

/** A row of a lab's table; `grade` null: not graded yet. */
export function aRow(name: string, grade: GradeResult | null): GradeTable["rows"][number] {
  const id = "sub_00000000000000000000";
  return {
    user: "usr_00000000000000000000",
    name,
    studentNumber: "20260001",
    submission: {
      ...{ id, session: "ses_00000000000000000000", user: "usr_00000000000000000000", course: "os", lab: "net-listen" },
      ...{ traceDigest: "b".repeat(64), traceEvents: 9, traceBytes: 900, createdAt: AT, recordings: [] },
      grade: grade === null ? null : { ...grade, submission: id, version: 1, createdAt: AT },
    },
  };
}
