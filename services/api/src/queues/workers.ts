import { ERRORS, JOB_LOCK_MS, JOB_STALLED_CHECK_MS, JOB_STALLED_COUNT_MAX, RingsideError } from "@ringside/shared";
import { DelayedError, type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { z } from "zod";
import { isStoreOutage } from "../database/outage.ts";
import { withDeadline } from "../deadline.ts";
import { JOB_PUT_OFF_MS, STORE_RETRY_AFTER_SECONDS, WORKER_CLOSE_AWAY_MS, WORKER_CLOSE_MS_MAX } from "../limits.ts";

/**
 * The receiving side of BullMQ. A job of a wrong shape fails for good, with a log line. While the database is
 * away or an image is missing, a job is put off, however often: what others have to mend must not use up its attempts.
 */
export interface WorkerOptions<T> {
  readonly redis: Redis;
  readonly prefix: string;
  readonly queue: string;
  readonly schema: z.ZodType<T>;
  readonly concurrency: number;
  readonly handle: (payload: T, signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown, job: string | undefined) => void;
}

export interface JobWorker extends AsyncDisposable {
  readonly queue: string;
}

export function startWorker<T>(options: WorkerOptions<T>): JobWorker {
  const { redis, prefix, queue, concurrency, onError } = options;
  const closing = new AbortController();
  const worker = new Worker(queue, (job, token) => runJob(options, job, token, closing.signal), {
    connection: redis,
    prefix,
    concurrency,
    lockDuration: JOB_LOCK_MS,
    stalledInterval: JOB_STALLED_CHECK_MS,
    maxStalledCount: JOB_STALLED_COUNT_MAX,
  });
  worker.on("error", (error) => onError(error, undefined));
  worker.on("failed", (job, error) => onError(error, job?.id));
  return {
    queue,
    async [Symbol.asyncDispose]() {
      closing.abort();
      // With Redis away there is nobody to take leave of; the jobs in hand are given to others when it is back.
      const ms = redis.status === "ready" ? WORKER_CLOSE_MS_MAX : WORKER_CLOSE_AWAY_MS;
      await withDeadline(ms, `the worker of ${queue} did not close in time`, () => worker.close()).catch((error) =>
        onError(error, undefined),
      );
    },
  };
}

async function runJob<T>(
  options: WorkerOptions<T>,
  job: Job,
  token: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const payload = options.schema.safeParse(job.data);
  if (!payload.success) {
    throw new UnrecoverableError(`The job's payload is not valid: ${payload.error.message}`);
  }
  try {
    await options.handle(payload.data, signal);
  } catch (error) {
    const pauseMs = signal.aborted ? 0 : pauseAfter(error);
    if (pauseMs === null) {
      throw error;
    }
    options.onError(error, job.id);
    await job.moveToDelayed(Date.now() + pauseMs, token);
    throw new DelayedError();
  }
}

/** When to try again what somebody has to mend first; null for an error that counts as an attempt. */
function pauseAfter(error: unknown): number | null {
  if (isStoreOutage(error)) {
    return STORE_RETRY_AFTER_SECONDS * 1_000;
  }
  const mendable = error instanceof RingsideError && (ERRORS[error.code].retryable || error.code === "lab_invalid");
  return mendable ? JOB_PUT_OFF_MS : null;
}
