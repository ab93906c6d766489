import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "@ringside/shared";
import type { Logger } from "pino";
import { PRESENCE_RETRY_MS, PRESENCE_TRIES_MAX, REDIS_COMMAND_MS } from "../limits.ts";
import { addReport, type ReportQueue } from "./report-queue.ts";

type ResetWanted = Extract<Report, { kind: "reset_wanted" }>;

/**
 * Reports who wants a fresh machine. Of one machine one report is enough: the epoch fences it, and the api answers a
 * second one with nothing. Retries end.
 */
export class ResetReports implements AsyncDisposable {
  readonly #queue: ReportQueue;
  readonly #log: Logger;
  readonly #retryMs: number;
  readonly #sending = new Map<string, Promise<void>>();
  #state: "open" | "closed" = "open";

  constructor(queue: ReportQueue, log: Logger, retryMs = PRESENCE_RETRY_MS) {
    this.#queue = queue;
    this.#log = log;
    this.#retryMs = retryMs;
  }

  /** Returns at once. */
  report(wanted: ResetWanted): void {
    const machine = `${wanted.session}.${wanted.epoch}`;
    if (this.#sending.has(machine)) return;
    const sending = this.#send(wanted)
      .catch((error: unknown) => this.#log.error({ err: error }, "a reset was not reported"))
      .finally(() => this.#sending.delete(machine));
    this.#sending.set(machine, sending);
  }

  /** Lets what is on its way end, and no more than that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    await Promise.race([Promise.all(this.#sending.values()), sleep(REDIS_COMMAND_MS)]);
  }

  async #send(wanted: ResetWanted): Promise<void> {
    for (let tries = 1; tries <= PRESENCE_TRIES_MAX && this.#state === "open"; tries += 1) {
      try {
        await addReport(this.#queue, wanted);
        return;
      } catch (error) {
        this.#log.warn({ err: error, session: wanted.session, tries }, "a reset could not be reported yet");
        await sleep(this.#retryMs);
      }
    }
  }
}
