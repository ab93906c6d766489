import { startJobSchema } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import { statement } from "../database/sql.ts";
import { pause } from "../deadline.ts";
import { OUTBOX_BATCH_MS_MAX, OUTBOX_BATCH_ROWS, OUTBOX_BATCHES_MAX, OUTBOX_POLL_MS } from "../limits.ts";
import type { JobQueues } from "../queues/job-queues.ts";
import { START_JOB } from "./outbox.ts";

/**
 * Carries outbox rows to the queues: at once after a commit (`kick`), and every OUTBOX_POLL_MS for rows of a
 * process that died or a Redis that was away. Replicas share the work (FOR UPDATE SKIP LOCKED). A crash between
 * adding the job and deleting its row adds the job again, under the same id, which the queue takes as one.
 */
export interface DispatcherOptions {
  readonly database: Database;
  readonly queues: JobQueues;
  readonly onError: (error: unknown) => void;
}

interface Row {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly jobId: string;
  readonly payload: unknown;
}

interface Batch {
  readonly sent: readonly Row[];
  /** The queue's error that ended the batch early. */
  readonly error: unknown;
}

export class OutboxDispatcher implements AsyncDisposable {
  readonly #options: DispatcherOptions;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  readonly #loop: Promise<void>;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** A row was just committed. */
  kick(): void {
    this.#wake.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      await dispatchAll(this.#options, this.#stop.signal);
      if (!this.#stop.signal.aborted) {
        await pause(OUTBOX_POLL_MS, this.#wake.signal);
      }
    }
  }
}

async function dispatchAll(options: DispatcherOptions, signal: AbortSignal): Promise<void> {
  for (let batches = 0; batches < OUTBOX_BATCHES_MAX && !signal.aborted; batches += 1) {
    try {
      const batch = await dispatchBatch(options);
      if (batch.error !== undefined) {
        throw batch.error;
      }
      if (batch.sent.length < OUTBOX_BATCH_ROWS) {
        return;
      }
    } catch (error) {
      options.onError(error);
      return;
    }
  }
}

const TAKE_ROWS = statement<Row>(
  "take outbox rows",
  `SELECT "id"::text, "queue", "name", "jobId", "payload" FROM "OutboxRow" o
   ORDER BY o."id" LIMIT $1 FOR UPDATE SKIP LOCKED`,
);

/** The rows go, and the sessions whose start jobs they were are `queued`: for a whole class in one statement. */
const FINISH_ROWS = statement<unknown>(
  "finish outbox rows",
  `WITH "sent" AS (DELETE FROM "OutboxRow" WHERE "id" = ANY ($1::bigint[]))
   UPDATE "Session" s SET "state" = 'queued' FROM unnest($2::text[], $3::int[]) AS "job" ("session", "epoch")
   WHERE s."id" = "job"."session" AND s."epoch" = "job"."epoch" AND s."state" = 'requested'`,
);

/** Adds the oldest rows to their queues, one round trip for each queue, and deletes those that were taken. */
async function dispatchBatch({ database, queues }: DispatcherOptions): Promise<Batch> {
  return database.sql.transaction(async (tx) => {
    const rows = await tx.query(TAKE_ROWS, [OUTBOX_BATCH_ROWS]);
    if (rows.length === 0) {
      return { sent: [], error: undefined };
    }
    const sent: Row[] = [];
    const until = performance.now() + OUTBOX_BATCH_MS_MAX;
    let error: unknown;
    for (const [queue, jobs] of Map.groupBy(rows, (row) => row.queue)) {
      if (performance.now() > until) {
        break;
      }
      try {
        await queues.add(
          queue,
          jobs.map((job) => ({ ...job, name: job.name || queue })),
        );
        sent.push(...jobs);
      } catch (cause) {
        error = cause;
        break;
      }
    }
    const starts = sent.filter((row) => row.name === START_JOB).map((row) => startJobSchema.parse(row.payload));
    await tx.query(FINISH_ROWS, [
      sent.map(({ id }) => id),
      starts.map(({ session }) => session),
      starts.map(({ epoch }) => epoch),
    ]);
    return { sent, error };
  });
}
