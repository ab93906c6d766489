import { CELL_ANNOUNCE_MS, CELL_ANNOUNCE_TTL_MS, type CellProxy, cellProxyKey } from "@ringside/shared";
import type { Redis } from "ioredis";
import type { Logger } from "pino";

/** Tells the api, again and again, where clients reach this cell. */
export class Announcement implements AsyncDisposable {
  readonly #redis: Redis;
  readonly #log: Logger;
  readonly #key: string;
  readonly #value: string;
  readonly #timer: NodeJS.Timeout;
  readonly #again = () => {
    this.#last = this.#announce();
  };
  #last: Promise<void> = Promise.resolve();

  constructor(redis: Redis, prefix: string, proxy: CellProxy, log: Logger) {
    this.#redis = redis;
    this.#log = log;
    this.#key = cellProxyKey(prefix, proxy.cell);
    this.#value = JSON.stringify(proxy);
    // Also as soon as Redis is there, the first time and after it was away.
    redis.on("ready", this.#again);
    if (redis.status === "ready") this.#again();
    this.#timer = setInterval(this.#again, CELL_ANNOUNCE_MS);
  }

  /** Takes it back. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#redis.off("ready", this.#again);
    await this.#last;
    await this.#redis.del(this.#key).catch((error: unknown) => this.#log.warn({ err: error }, "still announced"));
  }

  async #announce(): Promise<void> {
    try {
      await this.#redis.set(this.#key, this.#value, "PX", CELL_ANNOUNCE_TTL_MS);
    } catch (error) {
      this.#log.warn({ err: error }, "the cell could not be announced");
    }
  }
}
