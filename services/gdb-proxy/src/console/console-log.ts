import type { Logger } from "pino";
import { CONSOLE_DROPPED_REPORT_MS, CONSOLE_EVENT_BYTES_MAX } from "../limits.ts";
import type { Recorder } from "../record/recorder.ts";
import { RecordBudget, recordedBytes } from "./record-budget.ts";

/** Records a console's output within its budget; what does not fit is counted and reported as dropped. */
export class ConsoleLog {
  readonly #recorder: Recorder;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #budget: RecordBudget;
  #dropped = 0;
  #report: NodeJS.Timeout | null = null;

  constructor(recorder: Recorder, log: Logger, nowMs: () => number) {
    this.#recorder = recorder;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#budget = new RecordBudget(nowMs());
  }

  output(data: Buffer): void {
    for (let at = 0; at < data.length; at += CONSOLE_EVENT_BYTES_MAX) {
      this.#piece(data.subarray(at, at + CONSOLE_EVENT_BYTES_MAX));
    }
  }

  /** Records what is still to be said about dropped bytes. */
  flush(): void {
    if (this.#report !== null) clearTimeout(this.#report);
    this.#report = null;
    if (this.#dropped === 0) return;
    try {
      this.#recorder.append({ type: "console.dropped", bytes: this.#dropped });
      this.#dropped = 0;
    } catch (error) {
      // The recorder has told the session; the count is kept for when there is room again.
      this.#log.debug({ err: error }, "dropped console output was not recorded");
    }
  }

  #piece(data: Buffer): void {
    if (!this.#budget.take(recordedBytes(data), this.#nowMs())) {
      this.#drop(data.length);
      return;
    }
    this.flush();
    try {
      this.#recorder.append({ type: "console.output", data: data.toString("latin1") });
    } catch (error) {
      this.#log.debug({ err: error }, "console output was not recorded");
      this.#drop(data.length);
    }
  }

  #drop(bytes: number): void {
    this.#dropped += bytes;
    this.#report ??= setTimeout(() => this.flush(), CONSOLE_DROPPED_REPORT_MS).unref();
  }
}
