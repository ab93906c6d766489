import { RingsideError } from "@ringside/shared";

interface Lane {
  last: Promise<unknown>;
  /** What is under way, included. */
  waiting: number;
}

/** Runs what is done to one thing one after the other, and to different things side by side. */
export class Turns {
  readonly #waitingMax: number;
  readonly #lanes = new Map<string, Lane>();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** @throws RingsideError rate_limited where too many wait; what `act` throws */
  async take<T>(key: string, act: () => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(key) ?? { last: Promise.resolve(), waiting: 0 };
    if (lane.waiting >= this.#waitingMax) throw new RingsideError("rate_limited", { retryAfterSeconds: 1 });
    this.#lanes.set(key, lane);
    lane.waiting += 1;
    const work = lane.last.then(act, act);
    lane.last = work;
    try {
      return await work;
    } finally {
      lane.waiting -= 1;
      if (lane.waiting === 0) this.#lanes.delete(key);
    }
  }
}
