import type { Redis } from "ioredis";
import { REDIS_COMMAND_MS } from "./limits.ts";

/** Waits until Redis answers, but not for long: without it everything runs but new connections. */
export async function awaitRedis(redis: Redis): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, REDIS_COMMAND_MS);
    redis.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
