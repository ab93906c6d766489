import { compareGrades, withOverrides } from "@ringside/grading";
import type { Database } from "../database/database.ts";
import type { Prisma, Regrade } from "../generated/client.ts";
import { GRADE_THREADS_MAX, REGRADE_BATCH_ROWS, REGRADE_PROBLEM_CHARS_MAX } from "../limits.ts";
import { overridesInclude, overridesOf, resultOf } from "../submissions/view.ts";
import { type GradeOptions, gradeInputInclude, gradeInputOf } from "./grade-submission.ts";
import type { GradeInput } from "./grader.ts";

/**
 * The regrade job: grades the submissions of a regrade that are not graded yet, as many at a time as there are
 * threads. It may break off anywhere and be run again: rows that are filled stay, and the same inputs fill them with
 * the same bytes.
 */
export interface RegradeOptions extends Omit<GradeOptions, "onGraded"> {
  readonly onProgress: (regrade: string) => void;
}

const rowInclude = {
  submission: { include: { ...gradeInputInclude, overrides: overridesInclude } },
} as const satisfies Prisma.RegradeRowInclude;
type Row = Prisma.RegradeRowGetPayload<{ include: typeof rowInclude }>;

/** @throws what the store throws; what is wrong with one submission is noted in its row */
export async function runRegrade(options: RegradeOptions, id: string, signal: AbortSignal): Promise<void> {
  const { database, onProgress } = options;
  const regrade = await database.regrade.findUnique({ where: { id } });
  if (regrade === null || regrade.state !== "running") {
    return;
  }
  for (;;) {
    signal.throwIfAborted();
    const rows = await database.regradeRow.findMany({
      where: { regradeId: id, result: null, problem: null },
      include: rowInclude,
      orderBy: { submissionId: "asc" },
      take: REGRADE_BATCH_ROWS,
    });
    if (rows.length === 0) {
      break;
    }
    await gradeRows(options, regrade, rows, signal);
    onProgress(id);
  }
  await database.regrade.updateMany({
    where: { id, state: "running" },
    data: { state: "ready", readyAt: new Date() },
  });
  onProgress(id);
}

async function gradeRows(
  options: RegradeOptions,
  regrade: Regrade,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<void> {
  const left = rows.values();
  const work = async (): Promise<void> => {
    for (const row of left) {
      await gradeRow(options, regrade, row, signal);
    }
  };
  // All of them come to an end before an error of one is told.
  const ended = await Promise.allSettled(Array.from({ length: GRADE_THREADS_MAX }, work));
  for (const each of ended) {
    if (each.status === "rejected") {
      throw each.reason;
    }
  }
}

async function gradeRow(options: RegradeOptions, regrade: Regrade, row: Row, signal: AbortSignal): Promise<void> {
  const { database } = options;
  const { regradeId, submissionId } = row;
  const rubric = { file: regrade.rubricFile, text: regrade.rubricText, digest: regrade.rubricDigest };
  const graded = await gradeOrProblem(options, row, rubric, signal);
  const data = "problem" in graded ? graded : { ...graded, changed: await changes(database, row, graded.result) };
  await database.regradeRow.update({ where: { regradeId_submissionId: { regradeId, submissionId } }, data });
}

/** What keeps one submission from being graded (a file that is gone, a trace that takes too long) keeps no other. */
async function gradeOrProblem(
  options: RegradeOptions,
  { submission }: Row,
  rubric: GradeInput["rubric"],
  signal: AbortSignal,
): Promise<{ readonly result: string } | { readonly problem: string }> {
  try {
    return { result: await options.grader(await gradeInputOf(options, submission, rubric), signal) };
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    return { problem: message.slice(0, REGRADE_PROBLEM_CHARS_MAX) || "It could not be graded" };
  }
}

/** Whether people see another grade, instructors' judgements counted; or a judgement that fits no more. */
async function changes(database: Database, row: Row, text: string): Promise<boolean> {
  const before = await gradeBefore(database, row);
  const overrides = overridesOf(row.submission);
  const old = before === null ? null : withOverrides(resultOf(before), overrides);
  const fresh = withOverrides(resultOf({ result: text }), overrides);
  return fresh.unused.length > (old?.unused.length ?? 0) || compareGrades(old?.result ?? null, fresh.result).changed;
}

/** The grade that a row is compared with. */
export async function gradeBefore(
  database: Database,
  { submissionId, versionBefore }: Pick<Row, "submissionId" | "versionBefore">,
): Promise<{ readonly result: string } | null> {
  if (versionBefore === 0) {
    return null;
  }
  return database.grade.findUnique({
    where: { submissionId_version: { submissionId, version: versionBefore } },
    select: { result: true },
  });
}
