import { randomUUID } from "node:crypto";
import { connectRedis } from "@ringside/redis";
import { LEASE_TTL_MS, leaseKey, leaseSchema, newId } from "@ringside/shared";
import { afterAll, expect, inject, test } from "vitest";
import { Leases } from "./lease.ts";

const redis = connectRedis(inject("redisUrl"), "worker", () => undefined);
const prefix = `test-${randomUUID()}`;
const [one, two] = ["one", "two"].map(
  (name) => new Leases(redis, { prefix, cell: name, runner: `runner-${name}` }),
) as [Leases, Leases];
afterAll(() => redis.disconnect());

test("a free lease is taken, and says who has it and for how long", async () => {
  const session = newId("ses");
  expect(await one.claim(session, 1)).toBe("ok");
  const key = leaseKey(prefix, session);
  const lease = leaseSchema.parse(JSON.parse((await redis.get(key)) ?? "{}"));
  expect(lease).toEqual({ cell: "one", runner: "runner-one", epoch: 1 });
  const ttl = await redis.pttl(key);
  expect(ttl > 0 && ttl <= LEASE_TTL_MS).toBe(true);
});

test("the same runner claims again, another one does not get the same epoch", async () => {
  const session = newId("ses");
  expect(await one.claim(session, 3)).toBe("ok");
  expect(await one.claim(session, 3)).toBe("ok");
  expect(await two.claim(session, 3)).toBe("held");
});

test("a former runner's lease is free for the next runner of its cell, but not by renewing", async () => {
  const session = newId("ses");
  const next = new Leases(redis, { prefix, cell: "one", runner: "runner-next" });
  await one.claim(session, 3);
  expect(await next.renew(session, 3)).toBe("held");
  expect(await next.claim(session, 3)).toBe("ok");
  expect(await one.renew(session, 3)).toBe("held");
  expect(await two.claim(session, 3)).toBe("held");
});

test("a newer epoch takes the lease from anybody, an older one from nobody", async () => {
  const session = newId("ses");
  expect(await one.claim(session, 3)).toBe("ok");
  expect(await two.claim(session, 4)).toBe("ok");
  expect(await one.claim(session, 3)).toBe("stale");
  expect(await two.claim(session, 3)).toBe("stale");
});

test("of many runners that claim at once exactly one gets the lease", async () => {
  const session = newId("ses");
  const runners = Array.from({ length: 20 }, (_, i) => new Leases(redis, { prefix, cell: `c${i}`, runner: `r${i}` }));
  const claims = await Promise.all(runners.map((runner) => runner.claim(session, 1)));
  expect(claims.filter((claim) => claim === "ok")).toHaveLength(1);
});

test("only its holder releases a lease", async () => {
  const session = newId("ses");
  await one.claim(session, 1);
  await two.release(session, 1);
  await one.release(session, 2);
  expect(await two.claim(session, 1)).toBe("held");
  await one.release(session, 1);
  expect(await two.claim(session, 1)).toBe("ok");
});

test("a lease that cannot be read is nobody's", async () => {
  const session = newId("ses");
  await redis.set(leaseKey(prefix, session), "not json");
  expect(await one.claim(session, 1)).toBe("ok");
});
