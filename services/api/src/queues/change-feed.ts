import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";

const ORIGIN_BYTES = 9;
const MESSAGE_CHARS_MAX = 200;

export interface ChangeFeedOptions {
  /** For commands. */
  readonly redis: Redis;
  /** A connection of its own: one that subscribes can do nothing else. */
  readonly subscriber: Redis;
  readonly prefix: string;
  /** A session or submission that another replica changed. */
  readonly onChange: (id: string) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells the other replicas that a session or submission has changed, so that whoever waits there looks at once:
 * Redis pub/sub on `<prefix>:changes`, `<replica> <id>`. It may be lost, and nothing rests on it: see WAITER_POLL_MS.
 */
export class ChangeFeed {
  readonly #redis: Redis;
  readonly #channel: string;
  readonly #origin = randomBytes(ORIGIN_BYTES).toString("base64url");
  readonly #onError: (error: unknown) => void;

  constructor({ redis, subscriber, prefix, onChange, onError }: ChangeFeedOptions) {
    this.#redis = redis;
    this.#channel = `${prefix}:changes`;
    this.#onError = onError;
    subscriber.on("message", (_channel: string, message: string) => {
      const [origin, id] = message.length > MESSAGE_CHARS_MAX ? [] : message.split(" ");
      if (origin !== this.#origin && id !== undefined) {
        onChange(id);
      }
    });
    subscriber.subscribe(this.#channel).catch(onError);
  }

  /** Never waits and never fails. */
  tell(id: string): void {
    if (this.#redis.status === "ready") {
      this.#redis.publish(this.#channel, `${this.#origin} ${id}`).catch(this.#onError);
    }
  }
}
