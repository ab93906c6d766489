/** A point that everybody waits at until all have come. */
export class Rendezvous {
  readonly #all = Promise.withResolvers<void>();
  #missing: number;

  constructor(parties: number) {
    this.#missing = parties;
  }

  /** Resolves when all parties have called it. @throws the signal's reason when it aborts before */
  async arrive(signal: AbortSignal): Promise<void> {
    this.#missing--;
    if (this.#missing === 0) this.#all.resolve();
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.#all.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}
