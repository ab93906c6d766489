import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "@ringside/shared";
import type { Logger } from "pino";
import { PRESENCE_RETRY_MS, PRESENCE_TRIES_MAX, REDIS_COMMAND_MS } from "../limits.ts";
import { addReport, type ReportQueue } from "./report-queue.ts";

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
        await addReport(this.#queue, presence);
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
}
