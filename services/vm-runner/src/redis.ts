import { Redis } from "ioredis";
import { RECONNECT_MS_MAX, RECONNECT_STEP_MS, REDIS_COMMAND_TIMEOUT_MS } from "./limits.ts";

const UNIX = "unix://";

/** Two kinds of connection: `worker` waits for Redis as long as it takes, as BullMQ's workers must; `quick` fails fast. */
export type ConnectionKind = "worker" | "quick";

const KIND_OPTIONS = {
  worker: { maxRetriesPerRequest: null },
  quick: { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: REDIS_COMMAND_TIMEOUT_MS },
} as const satisfies Record<ConnectionKind, object>;

/**
 * Opens a connection that reconnects by itself.
 * @param url `redis://…`, `rediss://…` or `unix:///path`
 * @param onError hears of every failed attempt
 */
export function connectRedis(url: string, kind: ConnectionKind, onError: (error: Error) => void): Redis {
  const retryStrategy = (times: number): number => Math.min(times * RECONNECT_STEP_MS, RECONNECT_MS_MAX);
  const options = { ...KIND_OPTIONS[kind], retryStrategy };
  const redis = url.startsWith(UNIX)
    ? new Redis({ ...options, path: url.slice(UNIX.length) })
    : new Redis(url, options);
  redis.on("error", onError);
  return redis;
}
