import type { Bilingual, GradeTable } from "@ringside/shared";
import { type Cell, csvText } from "./csv.ts";
import type { Language } from "./verdict-words.ts";

const HEADER = [
  { en: "student number", zh: "学号" },
  { en: "name", zh: "姓名" },
  { en: "state", zh: "状态" },
  { en: "points", zh: "得分" },
  { en: "points max", zh: "满分" },
  { en: "handed in", zh: "提交时间" },
  { en: "graded", zh: "评分时间" },
  { en: "grade version", zh: "评分版本" },
  { en: "submission", zh: "提交编号" },
  { en: "user", zh: "用户" },
  { en: "rubric", zh: "评分标准" },
] as const satisfies readonly Bilingual[];

const STATES = {
  none: { en: "nothing handed in", zh: "未提交" },
  waiting: { en: "waiting for its grade", zh: "等待评分" },
  graded: { en: "graded", zh: "已评分" },
  ungradable: { en: "cannot be graded", zh: "无法评分" },
} as const satisfies Record<string, Bilingual>;

/**
 * A lab's table of grades as CSV: a row for each student, a column with the points of each check that any of the
 * grades has, in the order in which they appear. Points of what was not graded are empty, not 0.
 */
export function gradeCsv({ rows }: GradeTable, language: Language): string {
  const checks = [...new Set(rows.flatMap((row) => row.submission?.grade?.verdicts.map(({ check }) => check) ?? []))];
  const header = [...HEADER.map((name) => name[language]), ...checks];
  return csvText([header, ...rows.map((row) => studentRow(row, checks, language))]);
}

function studentRow(row: GradeTable["rows"][number], checks: readonly string[], language: Language): readonly Cell[] {
  const { submission } = row;
  const grade = submission?.grade ?? null;
  const state = submission === null ? "none" : (grade?.outcome ?? "waiting");
  const isGraded = grade?.outcome === "graded";
  const points = new Map(isGraded ? grade.verdicts.map((verdict) => [verdict.check, verdict.points]) : []);
  return [
    row.studentNumber,
    row.name,
    STATES[state][language],
    isGraded ? grade.points : null,
    grade?.pointsMax ?? null,
    submission?.createdAt ?? null,
    grade?.createdAt ?? null,
    grade?.version ?? null,
    submission?.id ?? null,
    row.user,
    grade?.rubricDigest ?? null,
    ...checks.map((check) => points.get(check) ?? null),
  ];
}
