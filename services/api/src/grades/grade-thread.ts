import { parentPort } from "node:worker_threads";
import { GRADE_TABLES_KEPT_MAX } from "../limits.ts";
import { type GradeTables, gradeWith, readTables } from "./grade-file.ts";
import type { GradeInput } from "./grader.ts";

// The thread's entry: started by grade-threads.ts, it grades one input after the other.

/** What the thread answers. */
export type GradedInThread =
  | { readonly kind: "graded"; readonly text: string }
  | { readonly kind: "failed"; readonly message: string };

/** The last images' tables: a class is of one image, and reading its tables takes longer than grading a session. */
const kept = new Map<string, GradeTables>();

async function keptTables(input: GradeInput): Promise<GradeTables> {
  const {
    trace: _trace,
    traceDigest: _digest,
    rubric: _rubric,
    expected: _expected,
    answers: _answers,
    ...files
  } = input;
  const key = JSON.stringify(files);
  const tables = kept.get(key) ?? (await readTables(input));
  kept.delete(key);
  kept.set(key, tables);
  const [oldest] = kept.keys();
  if (kept.size > GRADE_TABLES_KEPT_MAX && oldest !== undefined) {
    kept.delete(oldest);
  }
  return tables;
}

async function grade(input: GradeInput): Promise<GradedInThread> {
  try {
    return { kind: "graded", text: await gradeWith(input, await keptTables(input)) };
  } catch (error) {
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (input: GradeInput) => {
  void grade(input).then((answer) => parentPort?.postMessage(answer));
});
