import {
  autolabOutput,
  gradescopeResults,
  type Language,
  prairieLearnResults,
  type Visibility,
} from "@ringside/grading";
import type { Submission } from "@ringside/shared";
import { CliError } from "../exit-codes.ts";

export const GRADE_FORMATS = ["prairielearn", "gradescope", "autolab"] as const;
export type GradeFormat = (typeof GRADE_FORMATS)[number];

export function isGradeFormat(format: string): format is GradeFormat {
  return (GRADE_FORMATS as readonly string[]).includes(format);
}

/**
 * A submission's grade in the words of another system.
 * @throws CliError try_later where it is not graded yet, failed where the format cannot say what it is
 */
export function gradeText(
  submission: Submission,
  format: GradeFormat,
  language: Language,
  visibility: Visibility,
): string {
  const { grade, id } = submission;
  if (grade === null) throw new CliError("try_later", `${id} is not graded yet: \`ringside grade ${id}\` waits for it`);
  switch (format) {
    case "prairielearn":
      return jsonText(prairieLearnResults(grade, language));
    case "gradescope": {
      const results = gradescopeResults(grade, language, visibility);
      if (results !== null) return jsonText(results);
      const why = grade.ungradable?.[language] ?? "";
      throw new CliError("failed", `${id} cannot be graded, which Gradescope has no word for: ${why}`);
    }
    case "autolab":
      return autolabOutput(grade, language);
    default:
      return format satisfies never;
  }
}

const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
