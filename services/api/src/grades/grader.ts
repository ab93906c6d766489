import type { Parameters } from "@ringside/shared";

/** What a grade is made from. Plain data: it crosses to the grading thread. */
export interface GradeInput {
  /** Files. */
  readonly trace: string;
  readonly symbols: string;
  readonly functions: string;
  /** sha256 of the trace as it was handed in. */
  readonly traceDigest: string;
  readonly rubric: { readonly file: string; readonly text: string; readonly digest: string };
  /** What the trace has to say of itself. */
  readonly expected: {
    readonly session: string;
    readonly lab: string;
    readonly image: string;
    readonly parameters: Parameters;
  };
}

/** Grades a stored trace. @returns the grader's canonical JSON, a `gradeResultSchema` */
export type Grader = (input: GradeInput, signal: AbortSignal) => Promise<string>;
