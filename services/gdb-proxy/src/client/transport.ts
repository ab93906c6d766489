import type { RingsideError } from "@ringside/shared";
import { CLIENT_STALL_MS } from "../limits.ts";

export interface TransportEvents {
  data(bytes: Uint8Array): void;
  /** What was sent has left this process. */
  drained(): void;
  /** Once; nothing follows. `why` is a few words for the record. */
  closed(why: string): void;
}

/** A client's byte stream, whatever carries it. */
export interface Transport {
  readonly via: "websocket" | "tcp";
  /** Bytes that the client has not read yet and that this process holds. */
  readonly unsentBytes: number;
  /** Begins to read. Called once. */
  start(events: TransportEvents): void;
  send(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Says why, as far as the carrier can, and closes. No data follows; `closed` does. */
  end(error: RingsideError): void;
}

/** Calls `stalled` where a client has read nothing for CLIENT_STALL_MS although something waits for it. */
export class StallWatch {
  readonly #stalled: () => void;
  readonly #ms: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(stalled: () => void, ms = CLIENT_STALL_MS) {
    this.#stalled = stalled;
    this.#ms = ms;
  }

  /** After sending. */
  sent(unsentBytes: number): void {
    if (unsentBytes > 0) this.#timer ??= setTimeout(this.#stalled, this.#ms);
  }

  /** After some of it has gone. */
  progressed(unsentBytes: number): void {
    if (unsentBytes === 0) this.stop();
    else this.#timer?.refresh();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
