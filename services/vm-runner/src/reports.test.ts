import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis } from "@ringside/redis";
import { newId, REPORTS_QUEUE, type Report } from "@ringside/shared";
import { Queue } from "bullmq";
import { pino } from "pino";
import { afterAll, expect, inject, test } from "vitest";
import { Reports } from "./reports.ts";

const log = pino({ level: "silent" });
const folder = mkdtempSync(join(tmpdir(), "rs-rep-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const started = (): Report => ({ kind: "starting", session: newId("ses"), epoch: 1, cell: "one", atMs: Date.now() });

async function received(prefix: string): Promise<readonly unknown[]> {
  const redis = connectRedis(inject("redisUrl"), "worker", () => undefined);
  const queue = new Queue(REPORTS_QUEUE, { connection: redis, prefix });
  try {
    return (await queue.getWaiting(0, 1_000)).map((job) => job.data).reverse();
  } finally {
    await queue.close();
    redis.disconnect();
  }
}

test("reports arrive in the order in which they were sent", async () => {
  const prefix = `test-${randomUUID()}`;
  const redis = connectRedis(inject("redisUrl"), "command", () => undefined);
  await using reports = new Reports(redis, { prefix, runner: "r", log });
  const sent = Array.from({ length: 50 }, started);
  for (const report of sent) reports.send(report);
  expect(await reports.flush(10_000)).toBe(true);
  expect((await received(prefix)).toReversed()).toEqual(sent);
  redis.disconnect();
});

test("while Redis is away reports wait here, and are sent when it is back", async () => {
  const prefix = `test-${randomUUID()}`;
  const path = join(folder, "redis.sock");
  const redis = connectRedis(`unix://${path}`, "command", () => undefined);
  await using reports = new Reports(redis, { prefix, runner: "r", log });
  const sent = [started(), started(), started()];
  for (const report of sent) reports.send(report);
  expect(await reports.flush(200)).toBe(false);
  expect(reports.waiting).toBe(3);
  symlinkSync(inject("redisUrl").slice("unix://".length), path);
  expect(await reports.flush(15_000)).toBe(true);
  expect((await received(prefix)).toReversed()).toEqual(sent);
  unlinkSync(path);
  redis.disconnect();
});

test("a report that breaks the contract is our own mistake and is refused at once", async () => {
  const redis = connectRedis(inject("redisUrl"), "command", () => undefined);
  await using reports = new Reports(redis, { prefix: `test-${randomUUID()}`, runner: "r", log });
  expect(() => reports.send({ ...started(), session: "not an id" })).toThrow();
  expect(reports.waiting).toBe(0);
  redis.disconnect();
});
