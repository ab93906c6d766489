import { setTimeout as sleep } from "node:timers/promises";
import { JOB_KEEP_COUNT_MAX, JOB_KEEP_SECONDS, type Report, RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import { PRESENCE_RETRY_MS, PRESENCE_TRIES_MAX, REDIS_COMMAND_MS } from "../limits.ts";

/** The part of a BullMQ queue that is used. */
export interface ReportQueue {
  close(): Promise<void>;
  add(
    name: string,
    report: Report,
    options: {
      readonly removeOnComplete: { age: number; count: number };
      readonly removeOnFail: { age: number; count: number };
    },
  ): Promise<unknown>;
}

type Presence = Extract<Report, { kind: "presence" }>;

/** Reports how many gdbs a session has. Of a session only the newest count matters; retries end. */
export class PresenceReports implements AsyncDisposable {
  readonly #queue: ReportQueue;
  readonly #log: Logger;
  readonly #waiting = new Map<string, Presence>();
  readonly #sending = new Map<string, Promise<void>>();
  readonly #retryMs: number;
  #state: "open" | "closed" = "open";

  constructor(queue: ReportQueue, log: Logger, retryMs = PRESENCE_RETRY_MS) {
    this.#queue = queue;
    this.#log = log;
    this.#retryMs = retryMs;
  }

  /** Returns at once. */
  report(presence: Presence): void {
    this.#waiting.set(presence.session, presence);
    if (this.#sending.has(presence.session)) return;
    const sending = this.#send(presence.session)
      .catch((error: unknown) => this.#log.error({ err: error }, "presence was not reported"))
      .finally(() => this.#sent(presence.session));
    this.#sending.set(presence.session, sending);
  }

  /** Tries once more what waits, and no more than that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    await Promise.race([Promise.all(this.#sending.values()), sleep(REDIS_COMMAND_MS)]);
    await this.#queue.close();
  }

  #sent(session: string): void {
    this.#sending.delete(session);
    const newer = this.#waiting.get(session);
    if (newer !== undefined && this.#state === "open") this.report(newer);
  }

  async #send(session: string): Promise<void> {
    for (let tries = 1; tries <= PRESENCE_TRIES_MAX; tries += 1) {
      const presence = this.#waiting.get(session);
      if (presence === undefined) return;
      try {
        await this.#add(presence);
        if (this.#waiting.get(session) === presence) this.#waiting.delete(session);
        tries = 0;
      } catch (error) {
        this.#log.warn({ err: error, session, tries }, "presence could not be reported yet");
        if (this.#state === "closed") return;
        await sleep(this.#retryMs);
      }
    }
    this.#waiting.delete(session);
  }

  /** While Redis is away a queue may wait for it for ever. */
  async #add(presence: Presence): Promise<void> {
    const kept = { age: JOB_KEEP_SECONDS, count: JOB_KEEP_COUNT_MAX };
    const added = this.#queue.add(presence.kind, presence, { removeOnComplete: kept, removeOnFail: kept });
    const overdue = AbortSignal.timeout(REDIS_COMMAND_MS);
    await new Promise<void>((resolve, reject) => {
      overdue.addEventListener("abort", () => reject(new RingsideError("store_unavailable")), { once: true });
      added.then(() => resolve(), reject);
    });
  }
}
