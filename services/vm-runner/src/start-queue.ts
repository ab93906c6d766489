import { setTimeout as sleep } from "node:timers/promises";
import {
  JOB_LOCK_MS,
  JOB_STALLED_CHECK_MS,
  JOB_STALLED_COUNT_MAX,
  START_QUEUE,
  startJobSchema,
} from "@ringside/shared";
import { type Job, Queue, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { JOB_FETCH_WAIT_SECONDS, LEASE_HELD_RETRY_MS, RESET_LOOK_JOBS_MAX, RESET_LOOK_MS, RETRY_MS } from "./limits.ts";
import type { MachineHost } from "./machine-host.ts";
import type { Slot, Slots } from "./slots.ts";

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
  readonly #queue: Queue;
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
    this.#queue = new Queue(START_QUEUE, { connection: redis, prefix });
    const complain = (error: Error): void => log.warn({ error }, "start queue");
    this.#worker.on("error", complain);
    this.#queue.on("error", complain);
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
    await this.#queue.close();
  }

  async #run(): Promise<void> {
    const { slots, startsAtOnce, log } = this.#options;
    const { signal } = this.#closing;
    await this.#worker.startStalledCheckTimer();
    while (!signal.aborted) {
      try {
        if (this.#atWork.size >= startsAtOnce) await Promise.race(this.#atWork);
        else if (slots.free === 0) await this.#waitForRoom();
        else await this.#takeOne();
      } catch (error) {
        log.warn({ error }, "no start job could be taken");
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Only this loop takes slots, so a free one stays free until here. */
  async #takeOne(): Promise<void> {
    const { slots } = this.#options;
    const token = `${this.#options.runner}-${crypto.randomUUID()}`;
    const job = await this.#worker.getNextJob(token);
    if (job === undefined || job === null) return;
    const slot = slots.take();
    if (slot === null) throw new Error("a slot was taken elsewhere");
    const working = this.#workOn(job, token, slot).finally(() => this.#atWork.delete(working));
    this.#atWork.add(working);
  }

  /** A reset needs no new slot but its machine's own, and must not wait for somebody else to leave. */
  async #waitForRoom(): Promise<void> {
    await this.#options.slots.changed(RESET_LOOK_MS, this.#closing.signal);
    if (this.#options.slots.free > 0 || this.#closing.signal.aborted) return;
    const waiting = await this.#queue.getWaiting(0, RESET_LOOK_JOBS_MAX - 1);
    await this.#options.host.makeRoomFor(waiting.map((job) => job.data));
  }

  async #workOn(job: Job, token: string, slot: Slot): Promise<void> {
    const { log, host } = this.#options;
    const renewal = setInterval(() => {
      job.extendLock(token, JOB_LOCK_MS).catch((error) => log.warn({ error, job: job.id }, "job lock not renewed"));
    }, JOB_LOCK_MS / 2);
    try {
      const parsed = startJobSchema.safeParse(job.data);
      if (!parsed.success || this.#closing.signal.aborted) {
        this.#options.slots.giveBack(slot);
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
