import { JOB_KEEP_COUNT_MAX, JOB_KEEP_SECONDS } from "@ringside/shared";
import { type JobState, type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { withDeadline } from "../deadline.ts";
import { CELL_QUEUES_MAX, REDIS_COMMAND_TIMEOUT_MS, WORKER_CLOSE_AWAY_MS, WORKER_CLOSE_MS_MAX } from "../limits.ts";

const KEEP = { age: JOB_KEEP_SECONDS, count: JOB_KEEP_COUNT_MAX };
/** Only the api's own jobs are tried again; a cell's failed job is reported and decided on here. */
const ATTEMPTS = 3;
const BACKOFF_MS = 1_000;
const JOB_OPTIONS: JobsOptions = {
  attempts: ATTEMPTS,
  backoff: { type: "exponential", delay: BACKOFF_MS },
  removeOnComplete: KEEP,
  removeOnFail: KEEP,
};

export interface NewJob {
  readonly name: string;
  readonly jobId: string;
  readonly payload: unknown;
}

/** What became of a job: BullMQ's word for it, or `missing` where Redis knows no such job. */
export type JobPresence = JobState | "unknown" | "missing";

/** The sending side of BullMQ. With Redis away every call rejects within REDIS_COMMAND_TIMEOUT_MS. */
export class JobQueues implements AsyncDisposable {
  readonly #queues = new Map<string, Queue>();
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #onError: (error: Error) => void;

  constructor(redis: Redis, prefix: string, onError: (error: Error) => void) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /**
   * Adds jobs to one queue, in their order, in one round trip. One that was added under the same id within
   * JOB_KEEP_SECONDS is not added again.
   */
  async add(queue: string, jobs: readonly NewJob[]): Promise<void> {
    const bulk = jobs.map(({ name, jobId, payload }) => ({ name, data: payload, opts: { ...JOB_OPTIONS, jobId } }));
    await this.#call("add jobs", () => this.#queue(queue).addBulk(bulk));
  }

  async presence(queue: string, jobId: string): Promise<JobPresence> {
    return this.#call("look up a job", async () => {
      const job = await this.#queue(queue).getJob(jobId);
      return job === undefined ? "missing" : job.getState();
    });
  }

  /** Takes a job away unless a worker has it. Forgets a finished one, so that its id may be used again. */
  async remove(queue: string, jobId: string): Promise<boolean> {
    return this.#call("remove a job", async () => (await this.#queue(queue).remove(jobId)) === 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ms = this.#redis.status === "ready" ? WORKER_CLOSE_MS_MAX : WORKER_CLOSE_AWAY_MS;
    const close = (queue: Queue) =>
      withDeadline(ms, `the queue ${queue.name} did not close in time`, () => queue.close());
    await Promise.all([...this.#queues.values()].map((queue) => close(queue).catch(this.#onError)));
    this.#queues.clear();
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#redis.status !== "ready") {
      throw new Error(`Redis is away: cannot ${what}`);
    }
    return withDeadline(REDIS_COMMAND_TIMEOUT_MS, `Redis took too long to ${what}`, call);
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) {
      return known;
    }
    const queue = new Queue(name, { connection: this.#redis, prefix: this.#prefix });
    queue.on("error", this.#onError);
    this.#queues.set(name, queue);
    this.#closeOldest();
    return queue;
  }

  #closeOldest(): void {
    const [oldest] = this.#queues;
    if (this.#queues.size > CELL_QUEUES_MAX && oldest !== undefined) {
      this.#queues.delete(oldest[0]);
      oldest[1].close().catch(this.#onError);
    }
  }
}
