import { createHash } from "node:crypto";
import { parseRubricFile, pointsMaxOf } from "@ringside/grading";
import type { Bilingual, Question } from "@ringside/shared";

/** A lab's rubric, checked. Grading parses the text anew: what it grades by is what the digest says. */
export interface RubricFile {
  readonly file: string;
  readonly text: string;
  /** sha256 of the text. */
  readonly digest: string;
  readonly pointsMax: number;
  /** Of its checks, in their order. */
  readonly hints: readonly Bilingual[];
  readonly checks: readonly { readonly id: string; readonly title: Bilingual }[];
  readonly questions: readonly Question[];
}

/** @throws RingsideError lab_invalid with the file, the line and what is allowed there */
export function readRubric(file: string, text: string): RubricFile {
  const rubric = parseRubricFile(file, text);
  const digest = createHash("sha256").update(text).digest("hex");
  const hints = rubric.checks.flatMap(({ hint }) => hint ?? []);
  const checks = rubric.checks.map(({ id, title }) => ({ id, title }));
  const questions = rubric.questions.map(({ id, kind, title }) => ({ question: id, kind, title }));
  return { file, text, digest, pointsMax: pointsMaxOf(rubric), hints, checks, questions };
}
