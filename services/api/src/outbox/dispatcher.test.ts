import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis } from "@ringside/redis";
import { START_QUEUE, startJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect, inject, it } from "vitest";
import { JobQueues } from "../queues/job-queues.ts";
import { type Bed, makeCourse, openBed, openTestRedis, startSession, until } from "../testing/bed.ts";
import { OutboxDispatcher } from "./dispatcher.ts";

/** A Redis of a test's own, which it may kill and start again. */
interface OwnRedis extends AsyncDisposable {
  readonly url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
}

async function startOwnRedis(): Promise<OwnRedis> {
  const folder = await mkdtemp(join(tmpdir(), "rs-redis-"));
  const socket = join(folder, "redis.sock");
  const state: { child: ChildProcess | null } = { child: null };
  const kill = async (): Promise<void> => {
    const { child } = state;
    state.child = null;
    if (child !== null) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
  };
  const start = async (): Promise<void> => {
    const options = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--appendonly", "yes"];
    state.child = spawn("redis-server", options, { stdio: "ignore" });
    const client = new Redis({ path: socket, retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on("error", () => undefined);
    await client.ping();
    client.disconnect();
  };
  await start();
  return {
    url: `unix://${socket}`,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startJobs(bed: Bed, redis: OwnRedis, sessions: readonly string[]): Promise<number> {
  const connection = openTestRedis(redis.url);
  const queue = new Queue(START_QUEUE, { connection, prefix: bed.prefix });
  const jobs = await Promise.all(sessions.map((session) => queue.getJob(startJobId({ session, epoch: 1 }))));
  await queue.close();
  connection.disconnect();
  return jobs.filter((job) => job !== undefined).length;
}

describe("the outbox", () => {
  it("keeps jobs while Redis is away and sends each once when it is back", async () => {
    await using redis = await startOwnRedis();
    await using bed = await openBed({
      databaseUrl: inject("databaseUrl"),
      redisUrl: inject("redisUrl"),
      apiRedisUrl: redis.url,
    });
    const { ann, bob } = await makeCourse(bed, "os-2026", { ann: "student", bob: "student" });
    await redis.kill();
    const sessions = [await startSession(ann), await startSession(bob)].map(({ id }) => id);
    const states = async () =>
      (await bed.admin("GET", "/v1/sessions")).body.sessions.map(({ state }: { state: string }) => state);
    expect(await states()).toEqual(["requested", "requested"]);
    expect(await bed.api.core.database.outboxRow.count()).toBe(2);
    expect((await bed.as(null)("GET", "/readyz")).status).toBe(503);

    await redis.start();
    await until(states, (all) => all.every((state: string) => state === "queued"));
    expect(await bed.api.core.database.outboxRow.count()).toBe(0);
    expect(await startJobs(bed, redis, sessions)).toBe(2);
    await until(
      () => bed.as(null)("GET", "/readyz"),
      ({ status }) => status === 200,
    );
  });

  it("is emptied by several dispatchers at once without adding a job twice", async () => {
    await using redis = await startOwnRedis();
    await using bed = await openBed({
      databaseUrl: inject("databaseUrl"),
      redisUrl: inject("redisUrl"),
      apiRedisUrl: redis.url,
    });
    const { database } = bed.api.core;
    await redis.kill();
    const rows = Array.from({ length: 120 }, (_, n) => ({ queue: "many", jobId: `job-${n}`, payload: { n } }));
    await database.outboxRow.createMany({ data: rows });
    const errors: unknown[] = [];
    const connection = connectRedis(redis.url, "command", (error) => errors.push(error));
    const queues = new JobQueues(connection, bed.prefix, (error) => errors.push(error));
    const options = { database, queues, onError: (error: unknown) => errors.push(error) };
    {
      await using _first = new OutboxDispatcher(options);
      await using _second = new OutboxDispatcher(options);
      await redis.start();
      await until(
        () => database.outboxRow.count(),
        (left) => left === 0,
      );
    }
    const queue = new Queue("many", { connection, prefix: bed.prefix });
    expect(await queue.getJobCountByTypes("waiting")).toBe(120);
    await queue.close();
    await queues[Symbol.asyncDispose]();
    connection.disconnect();
    expect(errors.length).toBeGreaterThan(0);
  });

  it("does not hold a request up while Redis is away", async () => {
    await using redis = await startOwnRedis();
    await using bed = await openBed({
      databaseUrl: inject("databaseUrl"),
      redisUrl: inject("redisUrl"),
      apiRedisUrl: redis.url,
    });
    const { ann } = await makeCourse(bed, "os-2026", { ann: "student" });
    await redis.kill();
    const session = await startSession(ann);
    const stopped = await ann.call("DELETE", session.links.self);
    expect(stopped).toMatchObject({ status: 202, body: { state: "ended" } });
    const cells = await bed.admin("GET", "/v1/cells");
    expect(cells).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    expect(cells.headers["retry-after"]).toBe("2");
  });
});
