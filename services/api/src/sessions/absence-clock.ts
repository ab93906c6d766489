/**
 * How long something of a session has been missing, by this process's own monotonic clock. A session is judged
 * only after its thing was missing at every look for `graceMs`, and not before the clock itself has run for
 * `settleMs`: after a start, or an outage of where one looks, everything seems to be missing.
 */
export class AbsenceClock {
  readonly #graceMs: number;
  readonly #settleMs: number;
  readonly #now: () => number;
  readonly #since = new Map<string, number>();
  #startedAt: number;

  /** @param now monotonic, in ms */
  constructor(graceMs: number, settleMs: number, now: () => number = () => performance.now()) {
    this.#graceMs = graceMs;
    this.#settleMs = settleMs;
    this.#now = now;
    this.#startedAt = now();
  }

  /** Says which of those that are missing at this look have been so for too long. */
  overdue<T extends { readonly id: string; readonly epoch: number }>(missing: readonly T[]): readonly T[] {
    const now = this.#now();
    const keys = new Set(missing.map(keyOf));
    for (const key of this.#since.keys()) {
      if (!keys.has(key)) {
        this.#since.delete(key);
      }
    }
    return missing.filter((one) => {
      const since = this.#since.get(keyOf(one)) ?? now;
      this.#since.set(keyOf(one), since);
      return now - since >= this.#graceMs && now - this.#startedAt >= this.#settleMs;
    });
  }

  /** Nothing was seen for a while: what was missing before counts no more. */
  restart(): void {
    this.#since.clear();
    this.#startedAt = this.#now();
  }
}

const keyOf = ({ id, epoch }: { readonly id: string; readonly epoch: number }): string => `${id}.${epoch}`;
