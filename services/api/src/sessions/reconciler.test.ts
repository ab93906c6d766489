import { cellQueue, cellRunnerKey, leaseKey, START_QUEUE, startJobId, stopJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";

let bed: Bed;
let people: Record<"ann" | "bob" | "cem" | "dee" | "eve", Person>;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  people = await makeCourse(bed, "os-2026", {
    ann: "student",
    bob: "student",
    cem: "student",
    dee: "student",
    eve: "student",
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

const queueOf = (name: string) => new Queue(name, { connection: bed.redis, prefix: bed.prefix });
const stateOf = async (person: Person, id: string) => (await person.call("GET", `/v1/sessions/${id}`)).body;

async function stopJobOf(session: string): Promise<unknown> {
  const queue = queueOf(cellQueue("cell-a"));
  const job = await until(
    () => queue.getJob(stopJobId({ session, epoch: 1 })),
    (found) => found !== undefined,
  );
  await queue.close();
  return job?.data;
}

async function readySession(person: Person): Promise<string> {
  const { id } = await startSession(person);
  await bed.lease(id);
  await bed.report({ kind: "ready", session: id, epoch: 1, cell: "cell-a", atMs: 1, how: "cold", startMs: 5 });
  await until(
    () => stateOf(person, id),
    (session) => session.state === "ready",
  );
  return id;
}

describe("the reconciler", { timeout: 60_000 }, () => {
  it("queues again what Redis has forgotten", async () => {
    const { id } = await startSession(people.ann);
    await until(
      () => stateOf(people.ann, id),
      (session) => session.state === "queued",
    );
    const queue = queueOf(START_QUEUE);
    const jobId = startJobId({ session: id, epoch: 1 });
    await queue.obliterate({ force: true });
    expect(await queue.getJob(jobId)).toBeUndefined();
    await until(
      () => queue.getJob(jobId),
      (job) => job !== undefined,
    );
    await queue.close();
    expect((await stateOf(people.ann, id)).state).toBe("queued");
  });

  it("fails a session whose lease ran out, and tells its cell to clear up", async () => {
    const id = await readySession(people.bob);
    await bed.redis.del(leaseKey(bed.prefix, id));
    const lost = await until(
      () => stateOf(people.bob, id),
      (session) => session.state === "failed",
    );
    expect(lost).toMatchObject({ reason: "runner_lost", cell: "cell-a" });
    expect(await stopJobOf(id)).toMatchObject({ session: id, epoch: 1, reason: "operator" });
  });

  it("lets a session with a lease live", async () => {
    const id = await readySession(people.cem);
    const other = await readySession(people.dee);
    await bed.redis.del(leaseKey(bed.prefix, other));
    await until(
      () => stateOf(people.dee, other),
      (session) => session.state === "failed",
    );
    expect((await stateOf(people.cem, id)).state).toBe("ready");
  });

  it("ends a session whose time is over", async () => {
    const [session] = (await people.cem.call("GET", "/v1/sessions?state=live")).body.sessions;
    await bed.api.core.database.session.update({ where: { id: session.id }, data: { endsAt: new Date() } });
    const over = await until(
      () => stateOf(people.cem, session.id),
      (now) => now.state === "ended",
    );
    expect(over.reason).toBe("time_limit");
    expect(await stopJobOf(session.id)).toMatchObject({ reason: "time_limit" });
  });

  it("fails a session that no cell took in time", async () => {
    const { id } = await startSession(people.eve);
    await bed.api.core.database.session.update({ where: { id }, data: { notAfter: new Date() } });
    const over = await until(
      () => stateOf(people.eve, id),
      (session) => session.state === "failed",
    );
    expect(over.reason).toBe("no_capacity");
  });

  it("fails a session at once whose cell has a new runner", async () => {
    const id = await readySession(people.dee);
    const key = cellRunnerKey(bed.prefix, "cell-a");
    const announce = (runner: string) => JSON.stringify({ cell: "cell-a", runner, slots: 4, machines: 1 });
    await bed.redis.set(key, announce("runner-1"));
    expect((await people.dee.call("GET", `/v1/sessions/${id}`)).body.state).toBe("ready");
    await bed.redis.set(key, announce("runner-2"));
    const lost = await until(
      () => stateOf(people.dee, id),
      (session) => session.state === "failed",
    );
    expect(lost.reason).toBe("runner_lost");
    await bed.redis.del(key);
  });
});
