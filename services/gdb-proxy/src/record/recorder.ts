import { RingsideError, type Seal } from "@ringside/shared";
import type { NewTraceEvent, TraceEvent } from "@ringside/trace";

/** What the recorder needs of a TraceWriter. */
export interface TraceLog {
  append(event: NewTraceEvent): TraceEvent;
  stage(event: NewTraceEvent): TraceEvent;
  flush(): void;
  seal(): Seal;
  readonly sealed: Seal | null;
  close(): Promise<void>;
}

/**
 * The one way of this process to record: every event is appended before its consequences leave the process.
 * What cannot be recorded does not happen: the session's connections are ended with the code.
 */
export class Recorder {
  readonly #log: TraceLog;
  readonly #failed: (error: RingsideError) => void;
  #connections: number;
  #failing = false;

  /**
   * @param lastSeq number of the last event: connections are numbered from there, so that a number is never
   * used twice in a trace, also after a restart
   * @param failed is told, after the current turn, that events are refused
   */
  constructor(log: TraceLog, lastSeq: number, failed: (error: RingsideError) => void) {
    this.#log = log;
    this.#connections = lastSeq;
    this.#failed = failed;
  }

  get sealed(): Seal | null {
    return this.#log.sealed;
  }

  /** A number for a new connection. */
  nextConnection(): number {
    this.#connections += 1;
    return this.#connections;
  }

  /** @throws RingsideError trace_full, storage_full, session_ended, internal */
  append(event: NewTraceEvent): TraceEvent {
    return this.#recording(() => this.#log.append(event));
  }

  /**
   * Takes an event that is recorded with the next flush(), which must come before anything that follows from it
   * leaves the process.
   * @throws RingsideError as append does
   */
  stage(event: NewTraceEvent): TraceEvent {
    return this.#recording(() => this.#log.stage(event));
  }

  /** Records what is staged. @throws RingsideError storage_full, internal */
  flush(): void {
    this.#recording(() => this.#log.flush());
  }

  #recording<T>(act: () => T): T {
    try {
      const done = act();
      this.#failing = false;
      return done;
    } catch (cause) {
      const error = cause instanceof RingsideError ? cause : new RingsideError("internal", { cause });
      if (!this.#failing) queueMicrotask(() => this.#failed(error));
      this.#failing = true;
      throw error;
    }
  }

  seal(): Seal {
    return this.#log.seal();
  }

  async close(): Promise<void> {
    await this.#log.close();
  }
}
