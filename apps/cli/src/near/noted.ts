import { PAYLOAD_BYTES_MAX } from "@ringside/link";
import { NEAR_NOTED_CHARS, NEAR_NOTED_PACKETS_COUNT } from "../limits.ts";

/** Packets that were answered here, in order, until a message tells the cell of them. */
export class Noted {
  readonly #flush: (noted: string[]) => void;
  #packets: string[] = [];
  #chars = 0;

  /** @param flush is given them where they become too many to wait for the next message */
  constructor(flush: (noted: string[]) => void) {
    this.#flush = flush;
  }

  add(payload: string): void {
    this.#packets.push(payload.slice(0, PAYLOAD_BYTES_MAX));
    this.#chars += payload.length;
    if (this.#packets.length >= NEAR_NOTED_PACKETS_COUNT || this.#chars >= NEAR_NOTED_CHARS) this.#flush(this.take());
  }

  /** What has not been told yet; it is told now. */
  take(): string[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#chars = 0;
    return packets;
  }
}
