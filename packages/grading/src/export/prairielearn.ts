import type { GradeResult } from "@ringside/shared";
import { type Language, momentsOf, reasonOf, shown, VERDICT_WORDS, WORDS } from "./verdict-words.ts";

/**
 * `results.json` of an external grader for PrairieLearn (prairielearn.readthedocs.io, "External grading", "Grading
 * results"). What cannot be graded is `gradable: false`, which takes no points and no attempt.
 */
export type PrairieLearnResults =
  | { readonly gradable: false; readonly format_errors: readonly string[]; readonly message: string }
  | {
      readonly gradable: true;
      /** From 0 to 1. */
      readonly score: number;
      readonly message: string;
      readonly output: string;
      readonly tests: readonly PrairieLearnTest[];
    };

interface PrairieLearnTest {
  readonly name: string;
  readonly description: string;
  readonly points: number;
  readonly max_points: number;
  readonly message: string;
  readonly output: string;
}

/** @param grade with the instructor's overrides, where there are any */
export function prairieLearnResults(grade: GradeResult, language: Language): PrairieLearnResults {
  if (grade.outcome === "ungradable") {
    const why = shown((grade.ungradable ?? WORDS.damaged)[language]);
    return { gradable: false, format_errors: [why], message: why };
  }
  const { points, pointsMax } = grade;
  return {
    gradable: true,
    score: pointsMax > 0 ? Math.min(1, points / pointsMax) : 0,
    message: `${points}/${pointsMax} ${WORDS.points[language]}`,
    output: "",
    tests: grade.verdicts.map((verdict) => ({
      name: shown(verdict.title[language]),
      description: verdict.check,
      points: verdict.points,
      max_points: verdict.pointsMax,
      message: `${VERDICT_WORDS[verdict.verdict][language]}: ${reasonOf(verdict, language)}`,
      output: momentsOf(verdict, language),
    })),
  };
}
