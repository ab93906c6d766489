import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GRADE_QUEUE, type GradeResult, gradeJobId, type Session } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, LAB, makeCourse, openBed, type Person, until } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { LAB_YAML, RUBRIC_YAML, writeLab } from "../testing/files.ts";
import { recordedSession, recordSession } from "../testing/recorded.ts";
import { gradeFile } from "./grade-file.ts";
import { gradeSubmission } from "./grade-submission.ts";
import { GradeThreads } from "./grade-threads.ts";
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
  const { id } = await recordedSession(bed, cell, ann, make);
  await before();
  return (await ann.call("POST", `/v1/sessions/${id}/submit`)).body.id;
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
    const { grade } = await graded(await submitTrace(recordSession));
    expect(grade).toMatchObject({ outcome: "graded", ungradable: null, points: 4, pointsMax: 4 });
    expect(grade?.verdicts[0]).toMatchObject({ check: "attached", verdict: "pass" });
    expect(grade?.verdicts[0]?.evidence).not.toEqual([]);
  });

  it("again leaves one row with the same bytes", async () => {
    const id = await submitTrace("second\n");
    await graded(id);
    const { database, labs, images, traces, sealKeys } = bed.api.core;
    const before = await database.grade.findMany({ where: { submissionId: id } });
    const options = { database, labs, images, traces, sealKeys, grader: gradeFile, onGraded: () => undefined };
    await gradeSubmission(options, id, new AbortController().signal);
    await database.grade.deleteMany({ where: { submissionId: id } });
    await Promise.all([1, 2, 3].map(() => gradeSubmission(options, id, new AbortController().signal)));
    const after = await database.grade.findMany({ where: { submissionId: id } });
    expect(after).toHaveLength(1);
    expect(after[0]?.result).toBe(before[0]?.result);
  });

  it("in its thread gives the same bytes, each time", async () => {
    const input = inputs.at(-1);
    expect(input).toBeDefined();
    if (input !== undefined) {
      await using threads = new GradeThreads();
      const bytes = await gradeFile(input);
      const signal = new AbortController().signal;
      const all = await Promise.all([1, 2, 3, 4, 5].map(() => threads.grade(input, signal)));
      expect(new Set(all)).toEqual(new Set([bytes]));
      expect(threads.count).toBe(2);
      expect(await threads.grade(input, signal)).toBe(bytes);
    }
  });

  it("in its thread fails like any other when a file is missing, and ends when it is told to", async () => {
    const [input] = inputs;
    expect(input).toBeDefined();
    if (input !== undefined) {
      await using threads = new GradeThreads();
      const signal = new AbortController().signal;
      await expect(threads.grade({ ...input, symbols: "/nowhere" }, signal)).rejects.toThrow("ENOENT");
      const stopping = new AbortController();
      const grading = threads.grade(input, stopping.signal);
      stopping.abort(new Error("enough"));
      await expect(grading).rejects.toThrow("enough");
      await expect(threads.grade(input, AbortSignal.abort())).rejects.toThrow("abort");
      expect(threads.count).toBe(0);
      expect(await threads.grade(input, signal)).toBe(await gradeFile(input));
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
