import { Redis } from "ioredis";
import { REDIS_COMMAND_MS, REDIS_RETRY_MS_MAX } from "./limits.ts";

const UNIX = "unix://";
const RETRY_STEP_MS = 50;

/**
 * A connection to Redis that comes back by itself; while it is away commands fail at once.
 * @param url `redis://…`, `rediss://…` or `unix:///path`
 */
export function createRedis(url: string, failed: (error: Error) => void): Redis {
  const options = {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: REDIS_COMMAND_MS,
    connectTimeout: REDIS_COMMAND_MS,
    retryStrategy: (times: number) => Math.min(times * RETRY_STEP_MS, REDIS_RETRY_MS_MAX),
  };
  const redis = url.startsWith(UNIX)
    ? new Redis({ ...options, path: decodeURIComponent(url.slice(UNIX.length)) })
    : new Redis(url, options);
  redis.on("error", failed);
  return redis;
}
