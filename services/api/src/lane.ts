import { RingsideError } from "@ringside/shared";
import { STORE_RETRY_AFTER_SECONDS } from "./limits.ts";

/**
 * Runs so many calls at a time; the others wait in the order in which they came, holding nothing. With too many
 * waiting, a further one is refused.
 */
export class Lane {
  readonly #atOnce: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce;
    this.#waitingMax = waitingMax;
  }

  /** @throws RingsideError store_unavailable where too many wait already */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) {
      this.#running += 1;
    } else {
      await this.#turn();
    }
    try {
      return await call();
    } finally {
      this.#leave();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) {
      throw new RingsideError("store_unavailable", { retryAfterSeconds: STORE_RETRY_AFTER_SECONDS });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whoever is next takes the place over; it is never free in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#running -= 1;
    } else {
      next();
    }
  }
}
