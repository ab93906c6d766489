import {
  type CellJobName,
  cellQueue,
  type EndReason,
  GRADE_QUEUE,
  type GradeJob,
  gradeJobId,
  REGRADE_QUEUE,
  type RegradeJob,
  type Report,
  regradeJobId,
  START_QUEUE,
  type StartJob,
  type StopJob,
  startJobId,
  stopJobId,
} from "@ringside/shared";
import type { Transaction } from "../database/database.ts";
import type { Prisma } from "../generated/client.ts";

/** Cells tell their jobs apart by these. */
export const START_JOB = "start" satisfies CellJobName;
const STOP_JOB = "stop" satisfies CellJobName;

/**
 * Jobs are written as rows in the transaction that makes them due; the dispatcher adds them to Redis
 * afterwards. So a job exists exactly when what it is for was committed, whether Redis is there or not.
 */

/** @param cell whose own queue takes it; null: the queue of all cells */
export async function putStartJob(tx: Transaction, cell: string | null, job: StartJob): Promise<void> {
  await put(tx, startRow(cell, job));
}

/** The row that `putStartJob` writes. */
export function startRow(cell: string | null, job: StartJob): NewRow & { readonly payload: StartJob } {
  return { queue: startQueue(cell), name: START_JOB, jobId: startJobId(job), payload: job };
}

/** The queue that has the start jobs of a cell, or of all cells. */
export const startQueue = (cell: string | null): string => (cell === null ? START_QUEUE : cellQueue(cell));

/** Ends the machines of a session up to an epoch, at the cell that has or had them. */
export async function putStopJob(
  tx: Transaction,
  cell: string,
  session: string,
  epoch: number,
  reason: EndReason,
): Promise<void> {
  const job: StopJob = { session, epoch, reason };
  await put(tx, { queue: cellQueue(cell), name: STOP_JOB, jobId: stopJobId(job), payload: job });
}

export async function putGradeJob(tx: Transaction, submission: string, version: number): Promise<void> {
  const job: GradeJob = { submission };
  await put(tx, { queue: GRADE_QUEUE, name: GRADE_QUEUE, jobId: gradeJobId({ submission, version }), payload: job });
}

/** Grades what of a regrade is not graded yet. */
export async function putRegradeJob(tx: Transaction, regrade: string): Promise<void> {
  const job: RegradeJob = { regrade };
  await put(tx, { queue: REGRADE_QUEUE, name: REGRADE_QUEUE, jobId: regradeJobId(job), payload: job });
}

/**
 * Ends a machine that a report told of though its session needs none. Apart from the session's own stop job, which
 * may have run before that machine was there.
 */
export async function putOrphanStopJob(tx: Transaction, report: Report): Promise<void> {
  const { session, epoch, cell, kind } = report;
  const job: StopJob = { session, epoch, reason: "operator" };
  await put(tx, { queue: cellQueue(cell), name: STOP_JOB, jobId: `${stopJobId(job)}.${kind}`, payload: job });
}

interface NewRow {
  readonly queue: string;
  readonly name: string;
  readonly jobId: string;
  readonly payload: Prisma.InputJsonObject;
}

async function put(tx: Transaction, data: NewRow): Promise<void> {
  await tx.outboxRow.create({ data });
}
