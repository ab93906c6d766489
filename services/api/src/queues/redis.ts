import { Redis, type RedisOptions } from "ioredis";
import { REDIS_COMMAND_TIMEOUT_MS, REDIS_RECONNECT_MS_MAX } from "../limits.ts";

/** `replyMapping` chooses an overload, and with it the type; the default is what BullMQ takes. */
type Options = Omit<RedisOptions, "replyMapping">;

const reconnectMs = (attempt: number): number => Math.min(REDIS_RECONNECT_MS_MAX, 50 * attempt);

/** `unix:///path` is a socket; everything else is ioredis's own URL. */
function openRedis(url: string, options: Options, onError: (error: Error) => void): Redis {
  const redis = url.startsWith("unix://")
    ? new Redis({ ...options, path: decodeURIComponent(url.slice("unix://".length)) })
    : new Redis(url, options);
  redis.on("error", onError);
  return redis;
}

/** A connection for commands: with Redis away they fail at once instead of waiting for it. */
export function openCommandRedis(url: string, onError: (error: Error) => void): Redis {
  const options: Options = {
    retryStrategy: reconnectMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: REDIS_COMMAND_TIMEOUT_MS,
  };
  return openRedis(url, options, onError);
}

/** A connection for a BullMQ worker, whose blocking reads must wait for Redis to come back. */
export function openWorkerRedis(url: string, onError: (error: Error) => void): Redis {
  return openRedis(url, { retryStrategy: reconnectMs, maxRetriesPerRequest: null }, onError);
}
