import { cellQueue, cellRunnerKey, leaseKey, START_QUEUE, startJobId, stopJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { announceRunner, LOAD } from "../testing/runner.ts";

let bed: Bed;
let people: Record<"ann" | "bob" | "cem" | "dee" | "eve" | "fay" | "gus" | "hal" | "ivy", Person>;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  people = await makeCourse(bed, "os-2026", {
    ann: "student",
    bob: "student",
    cem: "student",
    dee: "student",
    eve: "student",
    fay: "student",
    gus: "student",
    hal: "student",
    ivy: "student",
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

  it("lets a session that sleeps be without a lease, until its time is over", async () => {
    const id = await readySession(people.fay);
    await bed.report({ kind: "hibernated", session: id, epoch: 1, cell: "cell-a", atMs: 2, bytes: 1 });
    await until(
      () => stateOf(people.fay, id),
      (session) => session.state === "hibernated",
    );
    await bed.redis.del(leaseKey(bed.prefix, id));
    const other = await readySession(people.gus);
    await bed.redis.del(leaseKey(bed.prefix, other));
    await until(
      () => stateOf(people.gus, other),
      (session) => session.state === "failed",
    );
    expect((await stateOf(people.fay, id)).state).toBe("hibernated");
    await bed.api.core.database.session.update({ where: { id }, data: { endsAt: new Date() } });
    const over = await until(
      () => stateOf(people.fay, id),
      (session) => session.state === "ended",
    );
    expect(over).toMatchObject({ reason: "time_limit", hibernatedBytes: null });
    expect(await stopJobOf(id)).toMatchObject({ reason: "time_limit" });
  });

  it("sends a reset to all cells when its own stays away, and one for a saved state to no other", async () => {
    const takeBack = await announceRunner(bed.redis, bed.prefix, "cell-a");
    const [fresh, restored] = [await readySession(people.hal), await readySession(people.ivy)];
    for (const person of [people.hal, people.ivy]) {
      const [{ id }] = (await person.call("GET", "/v1/sessions?state=live")).body.sessions;
      expect((await person.call("POST", `/v1/sessions/${id}/reset`)).status).toBe(202);
    }
    await bed.api.core.database.session.update({ where: { id: restored }, data: { startState: "at-listen" } });
    const common = queueOf(START_QUEUE);
    const own = queueOf(cellQueue("cell-a"));
    const job = (id: string) => startJobId({ session: id, epoch: 2 });
    await until(
      () => own.getJob(job(fresh)),
      (found) => found !== undefined,
    );
    expect(await common.getJob(job(fresh))).toBeUndefined();
    await takeBack();
    await until(
      () => common.getJob(job(fresh)),
      (found) => found !== undefined,
    );
    expect(await own.getJob(job(fresh))).toBeUndefined();
    expect(await stopJobOf(fresh)).toMatchObject({ epoch: 1, reason: "stopped" });
    expect(await own.getJob(job(restored))).toBeDefined();
    expect(await common.getJob(job(restored))).toBeUndefined();
    await own.close();
    await common.close();
  });

  it("fails a session at once whose cell has a new runner", async () => {
    const id = await readySession(people.dee);
    const key = cellRunnerKey(bed.prefix, "cell-a");
    const announce = (runner: string) => JSON.stringify({ cell: "cell-a", runner, slots: 4, machines: 1, load: LOAD });
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
