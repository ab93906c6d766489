import { pause } from "../deadline.ts";
import { WAITER_POLL_MS, WAITERS_MAX, WAITERS_POLLING_FAST_MAX } from "../limits.ts";

/**
 * Requests that wait for something to change. A change that this process made wakes them at once (`notify`), one that
 * another replica told of as well (`wake`); what nobody told of is found by looking again. At most WAITERS_MAX wait
 * at a time: further ones are answered with what is there.
 */
export interface Wait<T> {
  /** What is waited for: a session's or submission's id. */
  readonly id: string;
  readonly ms: number;
  /** The client went away. */
  readonly signal: AbortSignal;
  readonly load: () => Promise<T>;
  readonly done: (value: T) => boolean;
}

export class Waiters implements Disposable {
  readonly #wakes = new Map<string, Set<AbortController>>();
  readonly #closing = new AbortController();
  readonly #tell: (id: string) => void;
  #count = 0;

  /** @param tell tells the other replicas of a change that this one made */
  constructor(tell: (id: string) => void = () => undefined) {
    this.#tell = tell;
  }

  get count(): number {
    return this.#count;
  }

  /** @returns the last value loaded: one for which `done` holds, or the present one when the time is over. */
  async wait<T>(wait: Wait<T>): Promise<T> {
    if (wait.ms === 0 || this.#count >= WAITERS_MAX) {
      return wait.load();
    }
    const until = performance.now() + wait.ms;
    this.#count += 1;
    try {
      for (;;) {
        // From before the look: a change between the look and the sleep must not be slept through.
        using wake = this.#register(wait.id);
        const value = await wait.load();
        const signal = AbortSignal.any([wake.signal, wait.signal, this.#closing.signal]);
        const left = until - performance.now();
        if (wait.done(value) || left <= 0 || wait.signal.aborted || this.#closing.signal.aborted) {
          return value;
        }
        await pause(Math.min(left, this.#pollMs()), signal);
      }
    } finally {
      this.#count -= 1;
    }
  }

  /** This process changed it. */
  notify(id: string): void {
    this.wake(id);
    this.#tell(id);
  }

  /** Somebody changed it. */
  wake(id: string): void {
    for (const wake of this.#wakes.get(id) ?? []) {
      wake.abort();
    }
  }

  /** Ends all waits: the server shuts down. */
  [Symbol.dispose](): void {
    this.#closing.abort();
  }

  #pollMs(): number {
    return WAITER_POLL_MS * Math.max(1, Math.ceil(this.#count / WAITERS_POLLING_FAST_MAX));
  }

  #register(id: string): Disposable & { readonly signal: AbortSignal } {
    const wake = new AbortController();
    const peers = this.#wakes.get(id) ?? new Set();
    this.#wakes.set(id, peers.add(wake));
    return {
      signal: wake.signal,
      [Symbol.dispose]: () => {
        peers.delete(wake);
        if (peers.size === 0 && this.#wakes.get(id) === peers) {
          this.#wakes.delete(id);
        }
      },
    };
  }
}
