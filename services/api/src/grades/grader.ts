import type { ExpectedTrace } from "@ringside/grading";
import type { Answer, FunctionAlias } from "@ringside/shared";

/** What a grade is made from. Plain data: it crosses to the grading thread. */
export interface GradeInput {
  /** Files. */
  readonly trace: string;
  readonly symbols: string;
  readonly functions: string;
  /** Null where the image has no table of structures. */
  readonly structures: string | null;
  /** The lab's own program with its symbols; null where the image has none of that name. */
  readonly program: string | null;
  /** Functions of the image that have several names. */
  readonly aliases: readonly FunctionAlias[];
  /** sha256 of the trace as it was handed in. */
  readonly traceDigest: string;
  readonly rubric: { readonly file: string; readonly text: string; readonly digest: string };
  /** Answers that came with the submission. */
  readonly answers: readonly Answer[];
  /** What the trace has to say of itself, and who may have signed it. */
  readonly expected: ExpectedTrace;
  /** A recording that goes on: `traceDigest` says nothing. */
  readonly soFar?: boolean;
}

/** Grades a stored trace. @returns the grader's canonical JSON, a `gradeResultSchema` */
export type Grader = (input: GradeInput, signal: AbortSignal) => Promise<string>;
