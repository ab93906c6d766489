import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRADE_QUEUE, type GradeResult, gradeJobId, type Session } from "@ringside/shared";
import { readTraceBytes, TraceWriter } from "@ringside/trace";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, LAB, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { LAB_YAML, RUBRIC_YAML, writeLab } from "../testing/files.ts";
import { gradeFile } from "./grade-file.ts";
import { gradeInThread } from "./grade-in-thread.ts";
import { gradeSubmission } from "./grade-submission.ts";
import type { GradeInput } from "./grader.ts";

let bed: Bed;
let cell: FakeCell;
let ann: Person;
const inputs: GradeInput[] = [];

beforeAll(async () => {
  bed = await openBed({
    databaseUrl: inject("databaseUrl"),
    redisUrl: inject("redisUrl"),
    grader: async (input) => {
      inputs.push(input);
      return gradeFile(input);
    },
  });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  ({ ann } = await makeCourse(bed, "os-2026", { ann: "student" }));
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

async function submitTrace(
  make: string | ((session: Session) => Promise<Buffer>),
  before: () => Promise<void> = async () => undefined,
): Promise<string> {
  const session = await startSession(ann);
  const { id } = session;
  await bed.lease(id);
  await bed.report({ kind: "ready", session: id, epoch: 1, cell: "cell-a", atMs: 1, how: "cold", startMs: 5 });
  await until(
    () => ann.call("GET", `/v1/sessions/${id}`),
    ({ body }) => body.state === "ready",
  );
  cell.traces.set(id, typeof make === "string" ? Buffer.from(make) : await make(session));
  await before();
  return (await ann.call("POST", `/v1/sessions/${id}/submit`)).body.id;
}

/** What a cell would have recorded of a student who attached gdb. */
async function recordAttached(session: Session): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), "rs-trace-"));
  const { id, user, lab, image, parameters } = session;
  const header = { session: id, user, lab, image, parameters, arch: "x86_64", cell: "cell-a" } as const;
  const clocks = { wall: () => new Date(0), monotonicMs: () => 0 };
  {
    await using writer = await TraceWriter.open({ directory, header, ...clocks });
    const opened = { connection: 1, kind: "gdb", via: "websocket", user, role: "driver" } as const;
    await writer.append({ type: "connection.opened", ...opened });
    await writer.append({ type: "gdb.packet", connection: 1, data: "qSupported" });
    await writer.append({ type: "gdb.reply", connection: 1, data: "PacketSize=1000" });
    await writer.append({ type: "connection.closed", connection: 1, why: "left" });
    await writer.seal();
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of readTraceBytes(directory)) {
    chunks.push(chunk);
  }
  await rm(directory, { recursive: true });
  return Buffer.concat(chunks);
}

const graded = async (id: string): Promise<{ readonly grade: GradeResult | null }> =>
  (await ann.call("GET", `/v1/submissions/${id}?wait_ms=30000`)).body;

describe("grading", () => {
  it("is given what was handed in: trace, rubric, image and what the trace has to say of itself", async () => {
    const id = await submitTrace("first\n");
    const { grade } = await graded(id);
    expect(inputs.at(-1)).toMatchObject({
      traceDigest: grade?.traceDigest,
      rubric: { digest: grade?.rubricDigest, text: RUBRIC_YAML },
      expected: { lab: LAB, image: bed.image.digest },
    });
  });

  it("of a recording that is whole gives points, each with its moment", async () => {
    const { grade } = await graded(await submitTrace(recordAttached));
    expect(grade).toMatchObject({ outcome: "graded", ungradable: null, points: 4, pointsMax: 4 });
    expect(grade?.verdicts[0]).toMatchObject({ check: "attached", verdict: "pass" });
    expect(grade?.verdicts[0]?.evidence).not.toEqual([]);
  });

  it("again leaves one row with the same bytes", async () => {
    const id = await submitTrace("second\n");
    await graded(id);
    const { database, labs, images, traces } = bed.api.core;
    const before = await database.grade.findMany({ where: { submissionId: id } });
    const options = { database, labs, images, traces, grader: gradeFile, onGraded: () => undefined };
    await gradeSubmission(options, id, new AbortController().signal);
    await database.grade.deleteMany({ where: { submissionId: id } });
    await Promise.all([1, 2, 3].map(() => gradeSubmission(options, id, new AbortController().signal)));
    const after = await database.grade.findMany({ where: { submissionId: id } });
    expect(after).toHaveLength(1);
    expect(after[0]?.result).toBe(before[0]?.result);
  });

  it("in its thread gives the same bytes", async () => {
    const input = inputs.at(-1);
    expect(input).toBeDefined();
    if (input !== undefined) {
      expect(await gradeInThread(input, new AbortController().signal)).toBe(await gradeFile(input));
    }
  });

  it("in its thread fails like any other when a file is missing, and ends when it is told to", async () => {
    const [input] = inputs;
    expect(input).toBeDefined();
    if (input !== undefined) {
      const signal = new AbortController().signal;
      await expect(gradeInThread({ ...input, symbols: "/nowhere" }, signal)).rejects.toThrow("ENOENT");
      await expect(gradeInThread(input, AbortSignal.abort())).rejects.toThrow("abort");
    }
  });

  it("waits for a rubric with a mistake to be mended, and is queued again when Redis has lost the job", async () => {
    const breakRubric = () => writeFile(join(bed.labsDir, LAB, "rubric.yaml"), "checks: nonsense\n");
    const id = await submitTrace("third\n", breakRubric);
    const queue = new Queue(GRADE_QUEUE, { connection: bed.redis, prefix: bed.prefix });
    const jobId = gradeJobId({ submission: id, version: 1 });
    await until(
      async () => (await queue.getJob(jobId))?.getState(),
      (state) => state === "delayed",
    );
    expect((await ann.call("GET", `/v1/submissions/${id}`)).body.grade).toBeNull();
    await writeLab(bed.labsDir, LAB);
    await queue.remove(jobId);
    await queue.close();
    expect((await graded(id)).grade?.outcome).toBe("ungradable");
  });

  it("is not offered for a lab with a mistake: the answer says where", async () => {
    await writeLab(bed.labsDir, "broken", LAB_YAML, "checks: [{ id: UPPER }]\n");
    const reply = await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab: "broken" } });
    expect(reply).toMatchObject({ status: 422, body: { code: "lab_invalid" } });
    expect(reply.body.message).toContain("broken/rubric.yaml");
    await writeLab(bed.labsDir, "bomb", `a: &a [x]\nb: [*a, *a]\n${LAB_YAML}`);
    const bomb = await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab: "bomb" } });
    expect(bomb).toMatchObject({ status: 422, body: { code: "lab_invalid" } });
    expect(await readFile(join(bed.labsDir, "bomb", "lab.yaml"), "utf8")).toContain("*a");
  });
});
