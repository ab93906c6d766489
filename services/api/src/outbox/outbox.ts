import {
  cellQueue,
  type EndReason,
  GRADE_QUEUE,
  type GradeJob,
  gradeJobId,
  type Report,
  START_QUEUE,
  type StartJob,
  type StopJob,
  startJobId,
  stopJobId,
} from "@ringside/shared";
import type { Transaction } from "../database/database.ts";
import type { Prisma } from "../generated/client.ts";

/**
 * Jobs are written as rows in the transaction that makes them due; the dispatcher adds them to Redis
 * afterwards. So a job exists exactly when what it is for was committed, whether Redis is there or not.
 */

export async function putStartJob(tx: Transaction, job: StartJob): Promise<void> {
  await put(tx, START_QUEUE, startJobId(job), job);
}

/** Ends the machines of a session up to an epoch, at the cell that has or had them. */
export async function putStopJob(
  tx: Transaction,
  cell: string,
  session: string,
  epoch: number,
  reason: EndReason,
): Promise<void> {
  const job: StopJob = { session, epoch, reason };
  await put(tx, cellQueue(cell), stopJobId(job), job);
}

export async function putGradeJob(tx: Transaction, submission: string, version: number): Promise<void> {
  const job: GradeJob = { submission };
  await put(tx, GRADE_QUEUE, gradeJobId({ submission, version }), job);
}

/**
 * Ends a machine that a report told of though its session needs none. Apart from the session's own stop job, which
 * may have run before that machine was there.
 */
export async function putOrphanStopJob(tx: Transaction, report: Report): Promise<void> {
  const { session, epoch, cell, kind } = report;
  const job: StopJob = { session, epoch, reason: "operator" };
  await put(tx, cellQueue(cell), `${stopJobId(job)}.${kind}`, job);
}

async function put(tx: Transaction, queue: string, jobId: string, payload: Prisma.InputJsonObject): Promise<void> {
  await tx.outboxRow.create({ data: { queue, jobId, payload } });
}
