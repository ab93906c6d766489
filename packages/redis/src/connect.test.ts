import { expect, inject, test } from "vitest";
import { connectRedis } from "./connect.ts";

test("a command connection fails at once while Redis is away", async () => {
  const errors: Error[] = [];
  const redis = connectRedis("unix:///nonexistent/redis.sock", "command", (error) => errors.push(error));
  await expect(redis.ping()).rejects.toThrow();
  redis.disconnect();
});

test("both kinds reach a Redis on a unix socket", async () => {
  for (const kind of ["command", "worker"] as const) {
    const redis = connectRedis(inject("redisUrl"), kind, () => undefined);
    await new Promise((resolve) => redis.once("ready", resolve));
    expect(await redis.ping()).toBe("PONG");
    redis.disconnect();
  }
});

test("a worker's connection waits for a Redis that is not there yet", async () => {
  const redis = connectRedis("unix:///nonexistent/redis.sock", "worker", () => undefined);
  const asking = redis.ping().then(
    () => "answered",
    () => "refused",
  );
  for (const _attempt of [1, 2, 3]) await new Promise((resolve) => redis.once("reconnecting", resolve));
  expect(await Promise.race([asking, Promise.resolve("still waiting")])).toBe("still waiting");
  redis.disconnect();
});
