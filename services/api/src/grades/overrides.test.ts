import { gradeCsv } from "@ringside/grading";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, LAB, makeCourse, openBed, type Person } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { gradedSubmission, recordSession } from "../testing/recorded.ts";

let bed: Bed;
let cell: FakeCell;
let people: Record<"ann" | "teacher", Person>;
let submission: string;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  people = await makeCourse(bed, "os-2026", { ann: "student", teacher: "instructor" });
  submission = await gradedSubmission(bed, cell, people.ann, (session) => recordSession(session, { attached: false }));
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

const at = (check = "attached") => `/v1/submissions/${submission}/overrides/${check}`;
const judge = (body: unknown, check?: string) => people.teacher.call("PUT", at(check), { body });
const grade = async () => (await people.ann.call("GET", `/v1/submissions/${submission}`)).body.grade;

describe("an instructor's judgement", () => {
  it("is shown wherever the grade is, with reason and name, beside the grader's own", async () => {
    const before = await grade();
    expect(before).toMatchObject({ points: 0, verdicts: [{ verdict: "fail" }] });
    const { status, body } = await judge({ points: 3, reason: "gdb was there, seen in class" });
    expect({ status, points: body.grade?.points }).toEqual({ status: 200, points: 3 });
    const after = await grade();
    expect(after).toMatchObject({
      points: 3,
      version: before.version,
      verdicts: [
        {
          verdict: "partial",
          reason: { en: "gdb was there, seen in class" },
          override: { author: people.teacher.id, authorName: "teacher", automatic: { verdict: "fail", points: 0 } },
        },
      ],
    });
    const table = (await people.teacher.call("GET", `/v1/courses/os-2026/labs/${LAB}/grades`)).body;
    expect(table.rows[0].submission.grade).toEqual(after);
    expect(gradeCsv(table, "en")).toContain("3");
    const stored = await bed.api.core.database.grade.findMany({ where: { submissionId: submission } });
    expect(stored.map(({ points }) => points)).toEqual([0]);
  });

  it("is replaced by a later one and taken back, and all of it is kept", async () => {
    await judge({ points: 4, reason: "after all" });
    expect((await grade()).verdicts[0]).toMatchObject({ verdict: "pass", points: 4 });
    expect(await people.teacher.call("DELETE", at())).toMatchObject({ status: 200, body: { grade: { points: 0 } } });
    expect(await people.teacher.call("DELETE", at())).toMatchObject({ status: 404 });
    expect((await grade()).verdicts[0].override).toBeUndefined();
    const { body } = await people.teacher.call("GET", `/v1/submissions/${submission}/overrides`);
    expect(body.overrides).toEqual([]);
    expect(
      body.history.map(({ did, points, authorName }: Record<string, unknown>) => [did, points, authorName]),
    ).toEqual([
      ["remove", 4, "teacher"],
      ["set", 4, "teacher"],
      ["set", 3, "teacher"],
    ]);
  });

  it("of no check, of too many points or without a reason is refused", async () => {
    expect(await judge({ points: 1, reason: "x" }, "nosuch")).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    expect(await judge({ points: 5, reason: "x" })).toMatchObject({ status: 400, body: { details: { pointsMax: 4 } } });
    for (const body of [{ points: 1, reason: "" }, { points: -1, reason: "x" }, { points: 1 }, { reason: "x" }]) {
      expect(await judge(body)).toMatchObject({ status: 400, body: { code: "bad_request" } });
    }
    expect((await grade()).points).toBe(0);
  });

  it("is not a student's to make", async () => {
    const reply = await people.ann.call("PUT", at(), { body: { points: 4, reason: "mine" } });
    expect(reply).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  it("that fits no check any more is told beside the grade, and counts again when one fits", async () => {
    await judge({ points: 4, reason: "seen" });
    const { database } = bed.api.core;
    const first = await database.grade.findFirstOrThrow({ where: { submissionId: submission } });
    const other = { ...JSON.parse(first.result), verdicts: [] };
    await database.grade.create({ data: { ...first, version: 2, result: JSON.stringify(other) } });
    expect(await grade()).toMatchObject({ points: 0, overridesUnused: [{ check: "attached", points: 4 }] });
    const { body } = await people.teacher.call("GET", `/v1/submissions/${submission}/overrides`);
    expect(body.unused).toHaveLength(1);
    await database.grade.create({ data: { ...first, version: 3 } });
    expect(await grade()).toMatchObject({ points: 4 });
  });
});
