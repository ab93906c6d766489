import {
  CONSOLE_RECORD_BURST_BYTES,
  CONSOLE_RECORD_BYTES_MAX,
  CONSOLE_RECORD_BYTES_PER_SECOND,
  EVENT_OVERHEAD_BYTES,
} from "../limits.ts";

/** Bytes that an event with this data takes in a trace: JSON writes control characters as `\u00xx`. */
export function recordedBytes(data: Buffer): number {
  let bytes = EVENT_OVERHEAD_BYTES;
  for (const byte of data) bytes += byte < 0x20 ? 6 : byte < 0x7f ? 1 : 2;
  return bytes;
}

/** How much of a console may still be recorded: a rate with a burst, and a total, so that gdb's events have room. */
export class RecordBudget {
  #tokens = CONSOLE_RECORD_BURST_BYTES;
  #left = CONSOLE_RECORD_BYTES_MAX;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** Takes `bytes` from the budget; false, and nothing taken, where they are too many. */
  take(bytes: number, nowMs: number): boolean {
    const earned = ((nowMs - this.#atMs) / 1_000) * CONSOLE_RECORD_BYTES_PER_SECOND;
    this.#tokens = Math.min(CONSOLE_RECORD_BURST_BYTES, this.#tokens + Math.max(0, earned));
    this.#atMs = nowMs;
    if (bytes > this.#tokens || bytes > this.#left) return false;
    this.#tokens -= bytes;
    this.#left -= bytes;
    return true;
  }
}
