import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { connectRedis } from "@ringside/redis";
import { submissionSchema } from "@ringside/shared";
import { Client } from "pg";
import { expect, inject, it } from "vitest";
import { z } from "zod";
import { ringside, startRingside } from "../support/command.ts";
import { processesNaming } from "../support/processes.ts";
import { until } from "../support/test-box.ts";

const demoSchema = z.object({
  students: z.array(
    z.object({
      name: z.string(),
      way: z.enum(["tcp", "websocket"]),
      goal: z.enum(["listen", "attach"]),
      stop: z.object({ where: z.string(), backlog: z.int() }).nullable(),
      submission: submissionSchema.nullable(),
    }),
  ),
});

it("stops a class of three in the kernel's listen, grades them, and leaves nothing behind", async () => {
  const place = await mkdtemp(path.join(tmpdir(), "rs-demo-"));
  await chmod(place, 0o711);
  try {
    const { code, stdout, stderr } = await ringside(["--json", "demo"], { TMPDIR: place });
    expect(code, stderr).toBe(0);
    const { students } = demoSchema.parse(JSON.parse(stdout));
    const listeners = students.filter(({ goal }) => goal === "listen");
    expect(listeners).toHaveLength(3);
    expect(listeners.map(({ way }) => way).toSorted()).toEqual(["tcp", "websocket", "websocket"]);
    for (const { stop, submission } of listeners) {
      expect(stop?.where).toMatch(/sys_listen$/);
      const backlog = submission?.grade?.verdicts.find(({ check }) => check === "backlog");
      expect(backlog?.reason.en).toContain(String(stop?.backlog));
      expect(backlog?.evidence.length).toBeGreaterThan(0);
      expect(submission?.grade?.points).toBe(submission?.grade?.pointsMax);
    }
    // Parameters are personal: three draws out of more than a hundred are hardly ever all the same.
    expect(new Set(listeners.map(({ stop }) => stop?.backlog)).size).toBeGreaterThan(1);

    const [idle] = students.filter(({ goal }) => goal === "attach");
    expect(idle?.submission?.grade?.points).toBeLessThan(idle?.submission?.grade?.pointsMax ?? 0);
    const missed = idle?.submission?.grade?.verdicts.find(({ check }) => check === "stopped");
    expect(missed?.reason.en).toContain("No stop at sys_listen");
    expect(missed?.reason.zh).toMatch(/\p{Script=Han}/u);

    expect(await processesNaming(place)).toEqual([]);
    expect(await readdir(place)).toEqual([]);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});

it("uses the PostgreSQL and Redis that the environment names, and leaves them as they were", async () => {
  const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")];
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const redis = connectRedis(redisUrl, "worker", () => undefined);
  const databases = async () => (await client.query("SELECT datname FROM pg_database ORDER BY 1")).rows;
  // What other tests have left to expire does so in its own time.
  const lasting = async (key: string) => ((await redis.ttl(key)) === -1 ? [key] : []);
  const keys = async () => (await Promise.all((await redis.keys("*")).map(lasting))).flat().toSorted();
  try {
    const before = { databases: await databases(), keys: await keys() };
    const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl };
    const running = startRingside(["--json", "demo"], env);
    await until("the demo's own database", async () =>
      (await databases()).length > before.databases.length ? true : undefined,
    );
    await until("the demo's own keys", async () => ((await keys()).length > before.keys.length ? true : undefined));
    const { code, stderr } = await running.finished;
    expect(code, stderr).toBe(0);
    expect({ databases: await databases(), keys: await keys() }).toEqual(before);
  } finally {
    redis.disconnect();
    await client.end();
  }
});
