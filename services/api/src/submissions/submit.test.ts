import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cellQueue, stopJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { type FakeCell, recordingOf, sealOf, startFakeCell } from "../testing/fake-cell.ts";

let bed: Bed;
let cell: FakeCell;
let ann: Person;
let tom: Person;
let id: string;

const TRACE = Buffer.from('{"seq":0}\n{"seq":1}\n');

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  ({ ann, tom } = await makeCourse(bed, "os-2026", { ann: "student", tom: "instructor" }));
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

beforeEach(async () => {
  cell.fault = "none";
  for (const session of (await ann.call("GET", "/v1/sessions?state=live")).body.sessions) {
    await ann.call("DELETE", session.links.self);
  }
  ({ id } = await startSession(ann));
  await bed.lease(id);
  await bed.report({ kind: "ready", session: id, epoch: 1, cell: "cell-a", atMs: 1, how: "cold", startMs: 5 });
  await until(read, (session) => session.state === "ready");
  cell.traces.set(id, TRACE);
});

const read = async () => (await ann.call("GET", `/v1/sessions/${id}`)).body;
const submit = () => ann.call("POST", `/v1/sessions/${id}/submit`);
const temporaries = () => readdirSync(join(bed.dataDir, "traces", "tmp"));

describe("submitting", () => {
  it("seals, fetches, ends the session and stops its machine", async () => {
    const reply = await submit();
    const seal = sealOf(TRACE);
    expect(reply).toMatchObject({
      status: 202,
      body: { session: id, lab: "net-listen", traceDigest: seal.digest, traceEvents: 2, traceBytes: TRACE.length },
    });
    expect(cell.errands.slice(-2)).toEqual([`seal ${id}`, `trace ${id}`]);
    expect(await read()).toMatchObject({ state: "ended", reason: "submitted", submission: reply.body.id });
    const queue = new Queue(cellQueue("cell-a"), { connection: bed.redis, prefix: bed.prefix });
    const job = await until(
      () => queue.getJob(stopJobId({ session: id, epoch: 1 })),
      (found) => found !== undefined,
    );
    await queue.close();
    expect(job?.data).toEqual({ session: id, epoch: 1, reason: "submitted" });
    const file = join(bed.dataDir, "traces", seal.digest.slice(0, 2), `${seal.digest}.jsonl`);
    expect(readFileSync(file)).toEqual(TRACE);
    expect(temporaries()).toEqual([]);
  });

  it("gives the trace back as it was handed in", async () => {
    const { body } = await submit();
    const reply = await ann.call("GET", `/v1/submissions/${body.id}/trace`);
    expect(reply.headers["content-type"]).toBe("application/x-ndjson");
    expect(reply.text).toBe(TRACE.toString());
  });

  it("ten times at once makes one submission and one grade, and all get the same answer", async () => {
    const replies = await Promise.all(Array.from({ length: 10 }, submit));
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(202));
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    const again = await submit();
    expect(again.body.id).toBe(replies[0]?.body.id);
    const graded = await ann.call("GET", `/v1/submissions/${again.body.id}?wait_ms=30000`);
    expect(graded.body.grade.version).toBe(1);
    expect(await bed.api.core.database.grade.count({ where: { submissionId: again.body.id } })).toBe(1);
  });

  it("of a trace that is none is ungradable, not zero and not an error", async () => {
    const { body } = await submit();
    const { body: graded } = await ann.call("GET", `/v1/submissions/${body.id}?wait_ms=30000`);
    expect(graded.grade).toMatchObject({ outcome: "ungradable", points: 0, pointsMax: 4 });
    expect(graded.grade.ungradable.en).toContain("damaged");
    expect(graded.grade.ungradable.zh).not.toBe("");
  });

  it.each(["failed", "ended"] as const)(
    "works for a session that has %s, while its recording is there",
    async (kind) => {
      const base = { session: id, epoch: 1, cell: "cell-a", atMs: 2 } as const;
      await bed.report(
        kind === "failed"
          ? { ...base, kind, reason: "machine_crashed", detail: "" }
          : { ...base, kind, reason: "time_limit" },
      );
      const over = await until(read, (session) => session.state === kind);
      expect((await submit()).status).toBe(202);
      expect(await read()).toMatchObject({ state: kind, reason: over.reason });
    },
  );

  it("says so where nothing was recorded", async () => {
    cell.traces.delete(id);
    expect(await submit()).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect((await read()).state).toBe("ready");
  });

  it.each(["short_trace", "other_trace"] as const)(
    "keeps nothing of a %s, and works when tried again",
    async (fault) => {
      cell.traces.set(id, Buffer.concat([TRACE, Buffer.from(fault)]));
      cell.fault = fault;
      expect(await submit()).toMatchObject({ status: 422, body: { code: "trace_damaged" } });
      expect((await read()).state).toBe("ready");
      expect(temporaries()).toEqual([]);
      const { digest } = sealOf(cell.traces.get(id) ?? TRACE);
      expect(existsSync(bed.api.core.traces.path(digest))).toBe(false);
      cell.fault = "none";
      expect((await submit()).status).toBe(202);
    },
  );

  it("keeps the replay logs and their template, once, for whoever may see the submission", async () => {
    const template = "aa".repeat(32);
    cell.recordings.set(id, [recordingOf(1, "first log", template), recordingOf(2, "second log", template)]);
    cell.templates.set(template, Buffer.from("an archive"));
    const { body } = await submit();
    expect(body.recordings.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2]);
    expect(body.recordings[1]).toMatchObject({ template, whole: true, bytes: 10 });
    expect(cell.errands.filter((errand) => errand === `templates ${id}`)).toHaveLength(1);
    const second = await tom.call("GET", `/v1/submissions/${body.id}/recordings/2`);
    expect(second).toMatchObject({ status: 200, text: "second log" });
    expect(second.headers["content-type"]).toBe("application/octet-stream");
    expect((await ann.call("GET", `/v1/templates/${template}`)).text).toBe("an archive");
    expect((await ann.call("GET", `/v1/submissions/${body.id}/recordings/3`)).status).toBe(404);
    expect((await ann.call("GET", `/v1/templates/${"ab".repeat(32)}`)).status).toBe(404);
    expect((await ann.call("GET", `/v1/submissions/${body.id}`)).body.recordings).toEqual(body.recordings);
  });

  it.each([
    ["short_recording", "recording"],
    ["none", "template"],
  ] as const)("is not lost with a %s: the %s is noted as missing", async (fault, what) => {
    cell.fault = fault;
    const template = what === "template" ? "bb".repeat(32) : "aa".repeat(32);
    cell.recordings.set(id, [recordingOf(1, `log of ${fault}`, template)]);
    const reply = await submit();
    expect(reply.status).toBe(202);
    expect(reply.body.recordings).toHaveLength(what === "template" ? 1 : 0);
    const audit = { action: "session.recording_missing", subject: id };
    const [line] = await bed.api.core.database.auditRow.findMany({ where: audit });
    expect(line?.details).toMatchObject({ epoch: 1, what, submission: reply.body.id });
    expect(readdirSync(join(bed.dataDir, "recordings", "tmp"))).toEqual([]);
    expect((await ann.call("GET", `/v1/templates/${"bb".repeat(32)}`)).status).toBe(404);
  });

  it("is 503 while the cell is away", async () => {
    const key = `${bed.prefix}:cell:cell-a:proxy`;
    const announced = await bed.redis.getdel(key);
    expect(await submit()).toMatchObject({ status: 503, body: { code: "cell_unreachable" } });
    await bed.redis.set(key, JSON.stringify({ ...cell.proxy, internalUrl: "http://127.0.0.1:1" }));
    expect(await submit()).toMatchObject({ status: 503, body: { code: "cell_unreachable" } });
    await bed.redis.set(key, announced ?? "");
    expect((await submit()).status).toBe(202);
  });

  it("shows in the instructor's table, the latest of each student", async () => {
    const { body } = await submit();
    const { rows } = (await tom.call("GET", "/v1/courses/os-2026/labs/net-listen/grades")).body;
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ user: ann.id, studentNumber: "os2026ann", submission: { id: body.id } });
  });
});
