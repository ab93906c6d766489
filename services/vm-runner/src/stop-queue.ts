import {
  cellQueue,
  JOB_LOCK_MS,
  JOB_STALLED_CHECK_MS,
  JOB_STALLED_COUNT_MAX,
  type StopJob,
  stopJobSchema,
} from "@ringside/shared";
import { UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { STOPS_AT_ONCE_MAX } from "./limits.ts";

export interface StopQueueOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly cell: string;
  readonly log: Logger;
}

/** Works on this cell's own queue: the ends of its machines. A job is done when nothing is left of the machine. */
export function startStopQueue(options: StopQueueOptions, stop: (job: StopJob) => Promise<void>): Worker {
  const { redis, prefix, cell, log } = options;
  const worker = new Worker(
    cellQueue(cell),
    async (job) => {
      const parsed = stopJobSchema.safeParse(job.data);
      if (!parsed.success) throw new UnrecoverableError(parsed.error.message);
      await stop(parsed.data);
    },
    {
      ...{ connection: redis, prefix, concurrency: STOPS_AT_ONCE_MAX },
      ...{ lockDuration: JOB_LOCK_MS, stalledInterval: JOB_STALLED_CHECK_MS, maxStalledCount: JOB_STALLED_COUNT_MAX },
    },
  );
  worker.on("error", (error) => log.warn({ error }, "stop queue"));
  worker.on("failed", (job, error) => log.error({ error, job: job?.id }, "a stop job failed"));
  return worker;
}
