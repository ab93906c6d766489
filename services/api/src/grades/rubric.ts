import { createHash } from "node:crypto";
import { parseRubricFile, pointsMaxOf } from "@ringside/grading";

/** A lab's rubric, checked. Grading parses the text anew: what it grades by is what the digest says. */
export interface RubricFile {
  readonly file: string;
  readonly text: string;
  /** sha256 of the text. */
  readonly digest: string;
  readonly pointsMax: number;
}

/** @throws RingsideError lab_invalid with the file, the line and what is allowed there */
export function readRubric(file: string, text: string): RubricFile {
  const rubric = parseRubricFile(file, text);
  return { file, text, digest: createHash("sha256").update(text).digest("hex"), pointsMax: pointsMaxOf(rubric) };
}
