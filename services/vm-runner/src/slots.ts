/** The room of this cell: as many machines as it has slots. A slot's number, from 1, chooses its machine's user id. */
export type Slot = number;

export class Slots {
  readonly total: number;
  readonly #free: Slot[];
  readonly #waiting = new Set<() => void>();

  constructor(total: number) {
    this.total = total;
    this.#free = Array.from({ length: total }, (_, index) => total - index);
  }

  get free(): number {
    return this.#free.length;
  }

  /** A free slot, or null. Whoever takes one gives it back. */
  take(): Slot | null {
    return this.#free.pop() ?? null;
  }

  giveBack(slot: Slot): void {
    this.#free.push(slot);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when a slot is free, after `timeoutMs`, or on abort: the caller looks again. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#free.length > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
