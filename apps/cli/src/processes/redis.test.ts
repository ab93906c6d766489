import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRedis } from "./redis.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-redis-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const start = () => startRedis({ folder: join(folder, "redis"), durability: "durable" });

test("a key older than the sync interval survives kill -9", async () => {
  const first = await start();
  const writer = new Redis(first.url);
  await writer.set("kept", "42");
  await sleep(2_100);
  writer.disconnect();
  first.child.kill("SIGKILL");
  await first.child.exited;
  await using second = await start();
  const reader = new Redis(second.url);
  expect(await reader.get("kept")).toBe("42");
  reader.disconnect();
});

test("it never evicts and listens on no port", async () => {
  await using server = await start();
  const redis = new Redis(server.url);
  expect(await redis.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
  expect(await redis.config("GET", "port")).toEqual(["port", "0"]);
  redis.disconnect();
});
