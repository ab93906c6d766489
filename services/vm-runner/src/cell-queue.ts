import {
  cellQueue,
  JOB_LOCK_MS,
  JOB_STALLED_CHECK_MS,
  JOB_STALLED_COUNT_MAX,
  type StartJob,
  type StopJob,
  startJobSchema,
  stopJobSchema,
} from "@ringside/shared";
import { DelayedError, type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { z } from "zod";
import { CELL_JOBS_AT_ONCE_MAX, LEASE_HELD_RETRY_MS } from "./limits.ts";
import type { StartOutcome } from "./machine-host.ts";

export interface CellQueueOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly cell: string;
  readonly log: Logger;
  readonly start: (job: StartJob) => Promise<StartOutcome>;
  readonly stop: (job: StopJob) => Promise<void>;
}

function parse<T>(schema: z.ZodType<T>, job: Job): T {
  const parsed = schema.safeParse(job.data);
  if (!parsed.success) throw new UnrecoverableError(parsed.error.message);
  return parsed.data;
}

/**
 * Works on this cell's own queue: the ends of its machines, and starts of what only this cell can start. A stop is done
 * when nothing is left of the machine.
 */
export function startCellQueue(options: CellQueueOptions): Worker {
  const { redis, prefix, cell, log, start, stop } = options;
  const worker = new Worker(
    cellQueue(cell),
    async (job, token) => {
      if (job.name !== "start") return stop(parse(stopJobSchema, job));
      const outcome = await start(parse(startJobSchema, job)).catch((error) => {
        log.warn({ error, job: job.id }, "a start job could not be worked on: later again");
        return "later" as const;
      });
      if (outcome === "done") return;
      await job.moveToDelayed(Date.now() + LEASE_HELD_RETRY_MS, token);
      throw new DelayedError();
    },
    {
      ...{ connection: redis, prefix, concurrency: CELL_JOBS_AT_ONCE_MAX },
      ...{ lockDuration: JOB_LOCK_MS, stalledInterval: JOB_STALLED_CHECK_MS, maxStalledCount: JOB_STALLED_COUNT_MAX },
    },
  );
  worker.on("error", (error) => log.warn({ error }, "cell queue"));
  worker.on("failed", (job, error) => log.error({ error, job: job?.id }, "a job of the cell's queue failed"));
  return worker;
}
