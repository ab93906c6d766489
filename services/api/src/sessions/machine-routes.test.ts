import { cellQueue, START_QUEUE, startJobId, startJobSchema, stopJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { announceRunner } from "../testing/runner.ts";

let bed: Bed;
let cell: FakeCell;
let ann: Person;
let tom: Person;
let id: string;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  await announceRunner(bed.redis, bed.prefix, "cell-a");
  ({ ann, tom } = await makeCourse(bed, "os-2026", { ann: "student", tom: "instructor" }));
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

const base = (epoch = 1) => ({ session: id, epoch, cell: "cell-a" });
const read = async (session = id) => (await bed.admin("GET", `/v1/sessions/${session}`)).body;
const post = (person: Person, path: string, body?: unknown, key?: string) =>
  person.call("POST", `/v1/sessions/${id}/${path}`, {
    ...(body === undefined ? {} : { body }),
    headers: key === undefined ? {} : { "idempotency-key": key },
  });
const audits = (action: string, subject = id) => bed.api.core.database.auditRow.count({ where: { action, subject } });

async function jobOf(queue: string, session: string, epoch: number) {
  const open = new Queue(queue, { connection: bed.redis, prefix: bed.prefix });
  const job = await until(
    () => open.getJob(startJobId({ session, epoch })),
    (found) => found !== undefined,
  );
  await open.close();
  return job;
}

async function stopAll(): Promise<void> {
  for (const session of (await bed.admin("GET", "/v1/sessions?state=live")).body.sessions) {
    await bed.admin("DELETE", session.links.self);
  }
}

beforeEach(async () => {
  ({ id } = await startSession(ann));
  await bed.lease(id, 9);
  await bed.report({ kind: "ready", ...base(), atMs: 1, how: "pool", startMs: 5 });
  await until(read, ({ state }) => state === "ready");
});
afterEach(async () => {
  cell.fault = "none";
  cell.before = async () => undefined;
  await stopAll();
});

describe("hibernating and waking", () => {
  it("answers the session as the cell's report makes it, for the owner", async () => {
    cell.before = (errand) =>
      bed.report(
        errand.do === "wake"
          ? { kind: "ready", ...base(), atMs: 30, how: "pool", startMs: 5 }
          : { kind: "hibernated", ...base(), atMs: 20, bytes: 640_000 },
      );
    const asleep = await post(ann, "hibernate");
    expect(asleep).toMatchObject({ status: 200, body: { state: "hibernated", hibernatedBytes: 640_000, epoch: 1 } });
    expect(cell.errands.at(-1)).toBe(`machine hibernate ${id}`);
    expect(cell.asker).toMatchObject({ sub: ann.id, role: "driver" });
    const errands = cell.errands.length;
    expect(await post(ann, "hibernate")).toMatchObject({ status: 200, body: { state: "hibernated" } });
    expect(cell.errands).toHaveLength(errands);
    const awake = await post(tom, "wake");
    expect(awake).toMatchObject({ status: 200, body: { state: "ready", hibernatedBytes: null, epoch: 1 } });
    expect(cell.asker).toMatchObject({ sub: tom.id, role: "instructor" });
    expect([await audits("session.hibernate"), await audits("session.wake")]).toEqual([1, 1]);
  });

  it("gives tickets to a session that sleeps: connecting wakes it", async () => {
    await bed.report({ kind: "hibernated", ...base(), atMs: 20, bytes: 1 });
    await until(read, ({ state }) => state === "hibernated");
    expect((await post(ann, "tickets", { kind: "gdb" })).status).toBe(201);
    expect((await post(ann, "tcp-entry")).status).toBe(201);
  });

  it("passes on that the saved state is damaged, and offers the reset", async () => {
    cell.fault = "damaged";
    expect(await post(ann, "wake")).toMatchObject({ status: 409, body: { code: "state_damaged" } });
    expect(await audits("session.wake")).toBe(0);
  });

  it("is refused for a recorded machine without asking the cell", async () => {
    await bed.api.core.database.session.update({ where: { id }, data: { record: true } });
    const errands = cell.errands.length;
    for (const [path, body] of [["hibernate"], ["fork", {}], ["checkpoints", { name: "a" }]] as const) {
      const reply = await post(ann, path, body, "recorded");
      expect(reply).toMatchObject({ status: 409, body: { code: "conflict" } });
      expect(reply.body.message).toContain("recorded");
    }
    expect(cell.errands).toHaveLength(errands);
  });

  it("is not for a machine that was not started yet, nor for one that has ended", async () => {
    await bed.api.core.database.session.update({ where: { id }, data: { state: "queued" } });
    expect(await post(ann, "pause")).toMatchObject({ status: 409, body: { code: "session_not_ready" } });
    await stopAll();
    expect(await post(ann, "pause")).toMatchObject({ status: 410, body: { code: "session_ended" } });
  });
});

describe("pausing", () => {
  it("holds and lets go, for the student and the staff", async () => {
    expect(await post(tom, "pause")).toMatchObject({ status: 200, body: { paused: true } });
    expect(await post(ann, "resume")).toMatchObject({ status: 200, body: { paused: false } });
    expect([await audits("session.pause"), await audits("session.resume")]).toEqual([1, 1]);
  });
});

describe("a reset", () => {
  it("goes to the session's own cell while its runner is there, from any state of the machine", async () => {
    await bed.report({ kind: "hibernated", ...base(), atMs: 20, bytes: 1 });
    await until(read, ({ state }) => state === "hibernated");
    const reply = await post(ann, "reset");
    expect(reply).toMatchObject({ status: 202, body: { epoch: 2, hibernatedBytes: null, queuePosition: 1 } });
    const job = await jobOf(cellQueue("cell-a"), id, 2);
    expect(job?.name).toBe("start");
    expect(startJobSchema.parse(job?.data)).toMatchObject({ session: id, epoch: 2, state: null });
    await bed.report({ kind: "ready", ...base(2), atMs: 5, how: "pool", startMs: 4 });
    expect(await until(read, ({ state }) => state === "ready")).toMatchObject({ queuePosition: null, how: "pool" });
  });
});

describe("a report of the machine before", () => {
  it("sends no stop to the cell that is about to replace it", async () => {
    expect((await post(ann, "reset")).status).toBe(202);
    await bed.report({ kind: "hibernated", ...base(), atMs: 20, bytes: 1 });
    await bed.report({ kind: "ready", ...base(2), atMs: 5, how: "pool", startMs: 4 });
    await until(read, ({ state }) => state === "ready");
    const open = new Queue(cellQueue("cell-a"), { connection: bed.redis, prefix: bed.prefix });
    expect(await open.getJob(`${stopJobId({ session: id, epoch: 1 })}.hibernated`)).toBeUndefined();
    await open.close();
    const { database } = bed.api.core;
    expect(await database.outboxRow.count({ where: { jobId: { startsWith: `${id}.1.stop` } } })).toBe(0);
  });
});

describe("checkpoints", () => {
  it("are saved, listed, restored and deleted", async () => {
    expect(await post(ann, "checkpoints", { name: "at-listen" })).toMatchObject({
      status: 201,
      body: { name: "at-listen" },
    });
    const list = await tom.call("GET", `/v1/sessions/${id}/checkpoints`);
    expect(list.body.checkpoints.map(({ name }: { name: string }) => name)).toEqual(["at-listen"]);
    expect(await post(ann, "checkpoints/at-listen/restore")).toMatchObject({ status: 202, body: { epoch: 2 } });
    expect(startJobSchema.parse((await jobOf(cellQueue("cell-a"), id, 2))?.data).state).toBe("at-listen");
    await bed.report({ kind: "ready", ...base(2), atMs: 5, how: "pool", startMs: 4 });
    await until(read, ({ state }) => state === "ready");
    expect((await ann.call("DELETE", `/v1/sessions/${id}/checkpoints/at-listen`)).status).toBe(204);
    expect(await post(ann, "checkpoints/at-listen/restore")).toMatchObject({ status: 404 });
    expect([
      await audits("session.checkpoint"),
      await audits("session.restore"),
      await audits("session.forget"),
    ]).toEqual([1, 1, 1]);
  });

  it("have plain names", async () => {
    for (const name of ["", "../x", "A", "-a", "x".repeat(33)]) {
      expect((await post(ann, "checkpoints", { name })).status).toBe(400);
    }
  });
});

describe("a fork", () => {
  it("is a session of whoever asks, started by the same cell from the copied state", async () => {
    const reply = await post(tom, "fork", {}, "tom-1");
    const original = await read();
    expect(reply).toMatchObject({
      status: 202,
      body: { user: tom.id, lab: original.lab, forkedFrom: id, cell: "cell-a", parameters: original.parameters },
    });
    expect(cell.asker).toMatchObject({ sid: id, role: "instructor" });
    const job = await jobOf(cellQueue("cell-a"), reply.body.id, 1);
    expect(job?.name).toBe("start");
    expect(startJobSchema.parse(job?.data)).toMatchObject({
      user: tom.id,
      state: "fork",
      parameters: original.parameters,
      record: false,
    });
    expect(await audits("session.fork", reply.body.id)).toBe(1);
    expect((await read()).state).toBe("ready");
  });

  it("is made once for one key, and its key is no other fork's", async () => {
    const first = await post(ann, "fork", {}, "same");
    const errands = cell.errands.length;
    const again = await post(ann, "fork", {}, "same");
    expect(again.body.id).toBe(first.body.id);
    expect(cell.errands).toHaveLength(errands);
    expect(await post(ann, "fork", { checkpoint: "a" }, "same")).toMatchObject({
      status: 422,
      body: { code: "idempotency_mismatch" },
    });
  });

  it("of ten requests at once with one key is one session, and the other copies are forgotten", async () => {
    const replies = await Promise.all(Array.from({ length: 10 }, () => post(ann, "fork", {}, "ten")));
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(202));
    const ids = new Set(replies.map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    const left = [...cell.states].filter(([session, names]) => names.has("fork") && ids.has(session));
    expect(left).toHaveLength(1);
    const forks = cell.errands.filter((errand) => errand.startsWith("machine fork"));
    const forgotten = cell.errands.filter((errand) => errand.startsWith("machine forget"));
    expect(forgotten.length).toBeGreaterThanOrEqual(1);
    expect(forgotten.length).toBeLessThan(forks.length);
  });

  it("counts as a session of one's own, and nothing is copied where there is no room", async () => {
    for (const key of ["a", "b"]) {
      expect((await post(ann, "fork", {}, `quota-${key}`)).status).toBe(202);
    }
    const errands = cell.errands.length;
    expect(await post(ann, "fork", {}, "quota-c")).toMatchObject({ status: 429, body: { code: "quota_exceeded" } });
    expect(cell.errands).toHaveLength(errands);
  });

  it("stands beside a session of the same lab, and cannot be handed in", async () => {
    const { body } = await post(tom, "fork", {}, "tom-2");
    expect((await startSession(tom)).forkedFrom).toBeNull();
    const submit = await tom.call("POST", `/v1/sessions/${body.id}/submit`);
    expect(submit).toMatchObject({ status: 409, body: { code: "conflict", details: { original: id } } });
  });

  it("of a copy that fails leaves no session", async () => {
    cell.fault = "busy";
    const before = await bed.api.core.database.session.count();
    expect((await post(ann, "fork", {}, "fails")).status).toBe(409);
    expect(await bed.api.core.database.session.count()).toBe(before);
    const common = new Queue(START_QUEUE, { connection: bed.redis, prefix: bed.prefix });
    expect((await common.getJobs()).some((job) => job.data.state !== null)).toBe(false);
    await common.close();
  });
});
