import { SLOT_WAITERS_MAX } from "./limits.ts";

/** Permission to have one machine on this host. */
export interface Slot {
  /** Once it is not needed any more; again: nothing. */
  giveBack(): void;
}

/** The room of this cell: as many machines as it has slots. Who waits for one comes before who just takes one. */
export class Slots {
  readonly total: number;
  #free: number;
  readonly #waiters = new Set<(slot: Slot) => void>();
  readonly #watchers = new Set<() => void>();

  constructor(total: number) {
    this.total = total;
    this.#free = total;
  }

  get free(): number {
    return this.#free;
  }

  /** A free slot, or null. Whoever takes one gives it back. */
  take(): Slot | null {
    if (this.#free === 0) return null;
    this.#free -= 1;
    return this.#slot();
  }

  /** Waits for a slot, in order of asking; null after `timeoutMs`, on abort, and where too many wait. */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<Slot | null> {
    const free = this.take();
    if (free !== null || signal?.aborted || this.#waiters.size >= SLOT_WAITERS_MAX) return Promise.resolve(free);
    return new Promise((resolve) => {
      const settle = (slot: Slot | null): void => {
        clearTimeout(timer);
        this.#waiters.delete(settle);
        signal?.removeEventListener("abort", giveUp);
        resolve(slot);
      };
      const giveUp = (): void => settle(null);
      const timer = setTimeout(giveUp, timeoutMs);
      this.#waiters.add(settle);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Resolves when a slot is free, after `timeoutMs`, or on abort: the caller looks again. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#free > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #slot(): Slot {
    let held = true;
    return {
      giveBack: () => {
        if (!held) return;
        held = false;
        const [first] = this.#waiters;
        if (first !== undefined) return first(this.#slot());
        this.#free += 1;
        for (const wake of [...this.#watchers]) wake();
      },
    };
  }
}
