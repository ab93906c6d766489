import type { GradeResult } from "@ringside/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Bed, LAB, makeCourse, openBed, type Person, until } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { LAB_YAML, writeLab } from "../testing/files.ts";
import { recordedSession, recordSession } from "../testing/recorded.ts";

const RUBRIC = `
questions:
  - { id: clamp, kind: number, title: { en: The clamped backlog?, zh: 截断后的值? } }
  - { id: name, kind: text, title: { en: Which function?, zh: 哪个函数? } }
checks:
  - { id: clamp, title: { en: Clamp, zh: 截断 }, points: 3, when: { answered: { question: clamp, equals: 128 } } }
  - { id: name, title: { en: Name, zh: 名称 }, points: 1, when: { answered: { question: name, equals: inet_listen } } }
`;

let bed: Bed;
let cell: FakeCell;
let ann: Person;
let bob: Person;
let tom: Person;
let id: string;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  await writeLab(bed.labsDir, LAB, LAB_YAML, RUBRIC);
  ({ ann, bob, tom } = await makeCourse(bed, "os-2026", { ann: "student", bob: "student", tom: "instructor" }));
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const session of (await ann.call("GET", "/v1/sessions?state=live")).body.sessions) {
    await ann.call("DELETE", session.links.self);
  }
  const answered = { type: "answer.given", connection: 1, question: "name", value: "inet_listen" } as const;
  const events = [answered];
  ({ id } = await recordedSession(bed, cell, ann, (session) => recordSession(session, { events })));
});

const answer = (question: string, value: unknown, person = ann) =>
  person.call("PUT", `/v1/sessions/${id}/answers/${question}`, { body: { value } });
const shown = async (person = ann) =>
  (await person.call("GET", `/v1/sessions/${id}/answers`)).body.questions?.map(
    ({ question, value }: { question: string; value: string | null }) => [question, value],
  );
async function graded(): Promise<GradeResult> {
  const submission = (await ann.call("POST", `/v1/sessions/${id}/submit`)).body.id;
  const { body } = await until(
    () => ann.call("GET", `/v1/submissions/${submission}?wait_ms=30000`),
    (reply) => reply.body.grade !== null,
  );
  return body.grade;
}
const points = ({ verdicts }: GradeResult) => Object.fromEntries(verdicts.map((one) => [one.check, one.points]));

describe("answers", () => {
  it("go with the submission: the last of each, behind those in the recording", async () => {
    expect(await shown()).toEqual([
      ["clamp", null],
      ["name", null],
    ]);
    expect((await answer("clamp", " 5 ")).status).toBe(200);
    expect((await answer("clamp", "0x80")).body.questions[0]).toMatchObject({ value: "0x80", at: expect.any(String) });
    expect(await shown(tom)).toEqual([
      ["clamp", "0x80"],
      ["name", null],
    ]);
    expect(points(await graded())).toEqual({ clamp: 3, name: 1 });
  });

  it("that are handed in outdo those in gdb", async () => {
    await answer("name", "sys_listen");
    expect(points(await graded())).toEqual({ clamp: 0, name: 0 });
  });

  it("stand once the session is handed in", async () => {
    await answer("clamp", "1");
    await graded();
    expect(await answer("clamp", "128")).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await shown()).toEqual([
      ["clamp", "1"],
      ["name", null],
    ]);
  });

  it("are either all before or all behind a submission at the same moment", async () => {
    const [submitted, ...puts] = await Promise.all([
      ann.call("POST", `/v1/sessions/${id}/submit`),
      ...Array.from({ length: 8 }, (_, n) => answer("clamp", String(n))),
    ]);
    expect(submitted.status).toBe(202);
    expect(puts.filter(({ status }) => status !== 200 && status !== 409)).toEqual([]);
    const [row] = await bed.api.core.database.sessionAnswer.findMany({ where: { sessionId: id } });
    const { createdAt } = await bed.api.core.database.submission.findFirstOrThrow({ where: { sessionId: id } });
    if (row !== undefined) expect(row.at.getTime()).toBeLessThanOrEqual(createdAt.getTime() + 5_000);
    expect((await answer("clamp", "128")).status).toBe(409);
  });

  it.each([
    ["nothing", "128", 404, "there are clamp, name"],
    ["clamp", "many", 400, "asks for a number"],
    ["clamp", "", 400, ""],
    ["clamp", "   ", 400, ""],
    ["clamp", 128, 400, ""],
    ["name", "x".repeat(201), 400, ""],
    ["UPPER", "1", 400, ""],
    ["..%2f", "1", 400, ""],
  ])("to %s with %j are refused", async (question, value, status, words) => {
    const reply = await answer(question, value);
    expect(reply.status).toBe(status);
    expect(reply.body.message).toContain(words);
    expect(await shown()).toEqual([
      ["clamp", null],
      ["name", null],
    ]);
  });

  it("are the owner's to give", async () => {
    expect((await answer("clamp", "1", bob)).status).toBe(404);
    expect((await answer("clamp", "1", tom)).status).toBe(403);
    expect(await shown(bob)).toBeUndefined();
  });

  it("are shown as questions with the lab", async () => {
    expect((await ann.call("GET", `/v1/labs/${LAB}`)).body.questions).toEqual([
      { question: "clamp", kind: "number", title: { en: "The clamped backlog?", zh: "截断后的值?" } },
      { question: "name", kind: "text", title: { en: "Which function?", zh: "哪个函数?" } },
    ]);
  });
});
