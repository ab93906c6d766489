import { START_QUEUE, startJobSchema } from "@ringside/shared";
import type { Database, Transaction } from "../database/database.ts";
import { pause } from "../deadline.ts";
import { OUTBOX_BATCH_MS_MAX, OUTBOX_BATCH_ROWS, OUTBOX_BATCHES_MAX, OUTBOX_POLL_MS } from "../limits.ts";
import type { JobQueues } from "../queues/job-queues.ts";
import { moveSession } from "../sessions/transitions.ts";

/**
 * Carries outbox rows to the queues: at once after a commit (`kick`), and every OUTBOX_POLL_MS for rows of a
 * process that died or a Redis that was away. Replicas share the work (FOR UPDATE SKIP LOCKED). A crash between
 * adding the job and deleting its row adds the job again, under the same id, which the queue takes as one.
 */
export interface DispatcherOptions {
  readonly database: Database;
  readonly queues: JobQueues;
  readonly onError: (error: unknown) => void;
  readonly onQueued: (session: string) => void;
}

interface Row {
  readonly id: bigint;
  readonly queue: string;
  readonly jobId: string;
  readonly payload: unknown;
}

interface Batch {
  readonly sent: readonly Row[];
  readonly queued: readonly string[];
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
      batch.queued.forEach(options.onQueued);
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

/** Adds the oldest rows to their queues and deletes those that were taken. */
async function dispatchBatch({ database, queues }: DispatcherOptions): Promise<Batch> {
  return database.$transaction(async (tx) => {
    const rows = await tx.$queryRaw<Row[]>`
      SELECT "id", "queue", "jobId", "payload" FROM "OutboxRow"
      ORDER BY "id" LIMIT ${OUTBOX_BATCH_ROWS} FOR UPDATE SKIP LOCKED`;
    const sent: Row[] = [];
    const until = performance.now() + OUTBOX_BATCH_MS_MAX;
    let error: unknown;
    for (const row of rows) {
      if (performance.now() > until) {
        break;
      }
      try {
        await queues.add(row.queue, row.jobId, row.payload);
        sent.push(row);
      } catch (cause) {
        error = cause;
        break;
      }
    }
    await tx.outboxRow.deleteMany({ where: { id: { in: sent.map((row) => row.id) } } });
    return { sent, queued: await markQueued(tx, sent), error };
  });
}

async function markQueued(tx: Transaction, sent: readonly Row[]): Promise<readonly string[]> {
  const queued: string[] = [];
  for (const row of sent.filter((candidate) => candidate.queue === START_QUEUE)) {
    const job = startJobSchema.parse(row.payload);
    if (await moveSession(tx, { id: job.session, epoch: job.epoch, to: "queued", from: ["requested"] })) {
      queued.push(job.session);
    }
  }
  return queued;
}
