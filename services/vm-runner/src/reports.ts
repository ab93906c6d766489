import { setTimeout as sleep } from "node:timers/promises";
import { within } from "@ringside/emulator";
import { JOB_KEEP_COUNT_MAX, JOB_KEEP_SECONDS, REPORTS_QUEUE, type Report, reportSchema } from "@ringside/shared";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { REDIS_COMMAND_TIMEOUT_MS, REPORTS_WAITING_MAX, RETRY_MS } from "./limits.ts";

/** Where reports go: the queue, or a list in a test. */
export interface ReportSink {
  send(report: Report): void;
}

/**
 * Sends reports to the api in order, each at least once. While Redis is away they wait here; when too many wait, the
 * oldest are dropped and counted: the api then learns from the leases what became of those sessions.
 */
export class Reports implements ReportSink {
  readonly #queue: Queue;
  readonly #runner: string;
  readonly #log: Logger;
  readonly #waiting: { readonly id: string; readonly report: Report }[] = [];
  #sending: Promise<void> | null = null;
  #last = 0;
  #dropped = 0;
  readonly #closing = new AbortController();

  constructor(redis: Redis, options: { readonly prefix: string; readonly runner: string; readonly log: Logger }) {
    this.#queue = new Queue(REPORTS_QUEUE, { connection: redis, prefix: options.prefix, skipVersionCheck: true });
    this.#queue.on("error", () => undefined); // each failed send is logged below
    this.#runner = options.runner;
    this.#log = options.log;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  send(report: Report): void {
    this.#last += 1;
    this.#waiting.push({ id: `${this.#runner}-${this.#last}`, report: reportSchema.parse(report) });
    if (this.#waiting.length > REPORTS_WAITING_MAX) {
      this.#waiting.shift();
      this.#dropped += 1;
      this.#log.error({ dropped: this.#dropped }, "a report was dropped: Redis is away for too long");
    }
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  /** Waits until all reports are with Redis, but no longer than `timeoutMs`. True if they are. */
  async flush(timeoutMs: number): Promise<boolean> {
    const end = performance.now() + timeoutMs;
    while (this.#waiting.length > 0 && performance.now() < end) await sleep(RETRY_MS / 20);
    return this.#waiting.length === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#sending;
    await this.#queue.close();
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined && !this.#closing.signal.aborted; next = this.#waiting[0]) {
      try {
        await this.#sendOne(next.id, next.report);
        if (this.#waiting[0] === next) this.#waiting.shift();
      } catch (error) {
        this.#log.warn({ error, waiting: this.#waiting.length }, "a report could not be sent yet");
        await sleep(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  async #sendOne(jobId: string, report: Report): Promise<void> {
    const kept = { age: JOB_KEEP_SECONDS, count: JOB_KEEP_COUNT_MAX };
    const adding = this.#queue.add(report.kind, report, { jobId, removeOnComplete: kept, removeOnFail: kept });
    await within(adding, { timeoutMs: REDIS_COMMAND_TIMEOUT_MS, signal: this.#closing.signal }, "adding a report");
  }
}
