import { availableParallelism } from "node:os";
import { type HostTimes, hostTimes } from "./idle-share.ts";
import { PACE_IDLE_PERCENT, PACE_LOOK_MS, START_CPU_MS } from "./limits.ts";

export interface StartPaceOptions {
  readonly cores?: number;
  readonly times?: () => HostTimes;
  /** Monotonic. */
  readonly nowMs?: () => number;
}

/**
 * When the next start may begin. On a host with CPU to spare: at once. Where a whole class starts in the same second
 * there is none: starts then come as fast as the host can take one on to its student's first stop, so that those in
 * front get there while the others wait, instead of all of them together at the very end. It takes no longer for the
 * last one, as no processor is ever idle for it.
 */
export class StartPace {
  readonly #gapMs: number;
  readonly #times: () => HostTimes;
  readonly #now: () => number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #looked: { readonly atMs: number; readonly times: HostTimes };
  #idle = true;

  constructor({
    cores = availableParallelism(),
    times = hostTimes,
    nowMs = () => performance.now(),
  }: StartPaceOptions) {
    this.#gapMs = START_CPU_MS / cores;
    this.#times = times;
    this.#now = nowMs;
    this.#looked = { atMs: nowMs(), times: times() };
  }

  /** Milliseconds after which to ask again; 0: go. */
  waitMs(): number {
    const nowMs = this.#now();
    const left = this.#lastMs + this.#gapMs - nowMs;
    if (left <= 0 || this.#hasIdle(nowMs)) return 0;
    return Math.min(left, PACE_LOOK_MS);
  }

  /** A start has begun. */
  started(): void {
    this.#lastMs = this.#now();
  }

  /** Judged anew every PACE_LOOK_MS: the kernel counts in steps of 10 ms. */
  #hasIdle(nowMs: number): boolean {
    if (nowMs - this.#looked.atMs < PACE_LOOK_MS) return this.#idle;
    const { idle, all } = this.#times();
    const before = this.#looked.times;
    this.#looked = { atMs: nowMs, times: { idle, all } };
    this.#idle = (idle - before.idle) * 100 >= (all - before.all) * PACE_IDLE_PERCENT;
    return this.#idle;
  }
}
