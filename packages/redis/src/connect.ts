import { Redis } from "ioredis";
import { COMMAND_TIMEOUT_MS, CONNECT_TIMEOUT_MS, RECONNECT_MS_MAX, RECONNECT_STEP_MS } from "./limits.ts";

const UNIX = "unix://";

/** `command`: with Redis away commands fail at once. `worker`: BullMQ's blocking reads wait for it to come back. */
export type ConnectionKind = "command" | "worker";

const KIND_OPTIONS = {
  command: { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS },
  worker: { maxRetriesPerRequest: null },
} as const satisfies Record<ConnectionKind, object>;

/**
 * Opens a connection that comes back by itself.
 * @param url `redis://…`, `rediss://…` or `unix:///path`
 * @param onError hears of every failed attempt
 */
export function connectRedis(url: string, kind: ConnectionKind, onError: (error: Error) => void): Redis {
  const options = {
    ...KIND_OPTIONS[kind],
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt: number) => Math.min(attempt * RECONNECT_STEP_MS, RECONNECT_MS_MAX),
  };
  const redis = url.startsWith(UNIX)
    ? new Redis({ ...options, path: decodeURIComponent(url.slice(UNIX.length)) })
    : new Redis(url, options);
  redis.on("error", onError);
  return redis;
}
