import { setTimeout as sleep } from "node:timers/promises";
import {
  JOB_LOCK_MS,
  JOB_STALLED_CHECK_MS,
  JOB_STALLED_COUNT_MAX,
  START_QUEUE,
  startJobSchema,
} from "@ringside/shared";
import { type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { JOB_FETCH_WAIT_SECONDS, LEASE_HELD_RETRY_MS, RETRY_MS, ROOM_LOOK_MS } from "./limits.ts";
import type { MachineHost } from "./machine-host.ts";
import type { Slot, Slots } from "./slots.ts";
import { StartPace } from "./start-pace.ts";

export interface StartQueueOptions {
  /** Waits for Redis as long as it takes. */
  readonly redis: Redis;
  readonly prefix: string;
  readonly runner: string;
  readonly slots: Slots;
  readonly host: MachineHost;
  readonly startsAtOnce: number;
  readonly log: Logger;
}

/**
 * Takes start jobs, each with a slot in hand: a cell without room takes none, and the others get them. That is why
 * jobs are fetched one by one here instead of by BullMQ's own loop. A job's lock is renewed while its machine starts;
 * if this process dies, another runner gets the job after about JOB_LOCK_MS + JOB_STALLED_CHECK_MS.
 */
export class StartQueue {
  readonly #options: StartQueueOptions;
  readonly #worker: Worker;
  readonly #pace = new StartPace({});
  readonly #closing = new AbortController();
  readonly #atWork = new Set<Promise<void>>();
  readonly #loop: Promise<void>;

  constructor(options: StartQueueOptions) {
    const { redis, prefix, log } = options;
    this.#options = options;
    this.#worker = new Worker(START_QUEUE, null, {
      ...{ connection: redis, prefix, drainDelay: JOB_FETCH_WAIT_SECONDS },
      ...{ lockDuration: JOB_LOCK_MS, stalledInterval: JOB_STALLED_CHECK_MS, maxStalledCount: JOB_STALLED_COUNT_MAX },
    });
    this.#worker.on("error", (error) => log.warn({ error }, "start queue"));
    this.#loop = this.#run();
  }

  /** Takes no more jobs; those at work go on. */
  async drain(): Promise<void> {
    this.#closing.abort();
    await this.#loop;
    await Promise.all(this.#atWork);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
    await this.#worker.close(true);
  }

  async #run(): Promise<void> {
    const { slots, startsAtOnce, log } = this.#options;
    const { signal } = this.#closing;
    await this.#worker.startStalledCheckTimer();
    while (!signal.aborted) {
      try {
        if (this.#atWork.size >= startsAtOnce) await Promise.race(this.#atWork);
        else if (slots.free === 0) await slots.changed(ROOM_LOOK_MS, signal);
        else await this.#takeInTurn(signal);
      } catch (error) {
        log.warn({ error }, "no start job could be taken");
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Where the host is busy with those that just started, other cells may be quicker to take the next one. */
  async #takeInTurn(signal: AbortSignal): Promise<void> {
    const waitMs = this.#pace.waitMs();
    if (waitMs === 0) await this.#takeOne();
    else await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }

  async #takeOne(): Promise<void> {
    const { slots, runner } = this.#options;
    const token = `${runner}-${crypto.randomUUID()}`;
    const job = await this.#worker.getNextJob(token);
    if (job === undefined || job === null) return;
    const slot = slots.take();
    if (slot === null) {
      // A machine that wakes was faster: another cell may have room.
      await job.moveToDelayed(Date.now(), token);
      return;
    }
    this.#pace.started();
    const working = this.#workOn(job, token, slot).finally(() => this.#atWork.delete(working));
    this.#atWork.add(working);
  }

  async #workOn(job: Job, token: string, slot: Slot): Promise<void> {
    const { log, host } = this.#options;
    const renewal = setInterval(() => {
      job.extendLock(token, JOB_LOCK_MS).catch((error) => log.warn({ error, job: job.id }, "job lock not renewed"));
    }, JOB_LOCK_MS / 2);
    try {
      const parsed = startJobSchema.safeParse(job.data);
      if (!parsed.success || this.#closing.signal.aborted) {
        slot.giveBack();
        if (parsed.success) await job.moveToDelayed(Date.now(), token);
        else await job.moveToFailed(new UnrecoverableError(parsed.error.message), token, false);
        return;
      }
      const outcome = await host.start(parsed.data, slot).catch((error) => {
        log.warn({ error, job: job.id }, "a start job could not be worked on: later again");
        return "later" as const;
      });
      if (outcome === "done") await job.moveToCompleted(null, token, false);
      else await job.moveToDelayed(Date.now() + LEASE_HELD_RETRY_MS, token);
    } catch (error) {
      // Its lock runs out, and it comes again: starting is idempotent.
      log.warn({ error, job: job.id }, "a start job's outcome could not be written");
    } finally {
      clearInterval(renewal);
    }
  }
}
