import type { GradeResult } from "@ringside/shared";
import { type Language, momentsOf, reasonOf, shown, VERDICT_WORDS } from "./verdict-words.ts";

/** Who sees a test in Gradescope, and when. */
export const VISIBILITIES = ["visible", "after_due_date", "after_published", "hidden"] as const;
export type Visibility = (typeof VISIBILITIES)[number];

/** `results.json` for Gradescope (gradescope-autograders.readthedocs.io, "Autograder specifications", "Output format"). */
export interface GradescopeResults {
  readonly score: number;
  readonly visibility: Visibility;
  readonly stdout_visibility: "hidden";
  readonly test_output_format: "text";
  readonly test_name_format: "text";
  readonly extra_data: Readonly<Record<string, string>>;
  readonly tests: readonly GradescopeTest[];
}

interface GradescopeTest {
  readonly name: string;
  readonly name_format: "text";
  readonly number: string;
  readonly score: number;
  readonly max_score: number;
  readonly status: "passed" | "failed";
  readonly output: string;
  readonly output_format: "text";
  readonly visibility: Visibility;
  readonly extra_data: { readonly check: string; readonly verdict: string; readonly evidence: readonly number[] };
}

/**
 * @param grade with the instructor's overrides, where there are any
 * @returns null for what cannot be graded: Gradescope has no word for that, and a score of 0 would be wrong
 */
export function gradescopeResults(
  grade: GradeResult,
  language: Language,
  visibility: Visibility = "visible",
): GradescopeResults | null {
  if (grade.outcome === "ungradable") return null;
  const { points, rubricDigest, traceDigest, graderVersion } = grade;
  return {
    score: points,
    visibility,
    stdout_visibility: "hidden",
    test_output_format: "text",
    test_name_format: "text",
    extra_data: { rubric: rubricDigest, trace: traceDigest, grader: graderVersion },
    tests: grade.verdicts.map((verdict, index) => ({
      name: shown(verdict.title[language]),
      name_format: "text",
      number: String(index + 1),
      score: verdict.points,
      max_score: verdict.pointsMax,
      // Of two states the nearer one: Gradescope shows the points of a partial pass beside it.
      status: verdict.verdict === "pass" ? "passed" : "failed",
      output: [
        `${VERDICT_WORDS[verdict.verdict][language]}: ${reasonOf(verdict, language)}`,
        momentsOf(verdict, language),
      ]
        .filter((line) => line !== "")
        .join("\n"),
      output_format: "text",
      visibility,
      extra_data: { check: verdict.check, verdict: verdict.verdict, evidence: verdict.evidence },
    })),
  };
}
