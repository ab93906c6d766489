import type { LabProgress, Timeline } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { gradeFile } from "../grades/grade-file.ts";
import { type Bed, LAB, makeCourse, openBed, type Person } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { LAB_YAML, RUBRIC_YAML, writeLab } from "../testing/files.ts";
import { gradedSubmission, recordedSession, recordSession } from "../testing/recorded.ts";

/** In this order; the second needs the third. */
const RUBRIC = `${RUBRIC_YAML}
  - id: stopped
    title: { en: Stop, zh: 停下 }
    points: 3
    needs: [typed]
    when: { resumed_after: typed }
  - id: typed
    title: { en: Type replyhi, zh: 输入 replyhi }
    points: 3
    when: { console_typed: replyhi }
    hint: { en: Type it., zh: 输入它。 }
`;

let bed: Bed;
let cell: FakeCell;
let people: Record<"ann" | "bob" | "cat" | "teacher", Person>;
let graded = 0;

beforeAll(async () => {
  bed = await openBed({
    databaseUrl: inject("databaseUrl"),
    redisUrl: inject("redisUrl"),
    grader: async (input) => {
      graded += 1;
      return gradeFile(input);
    },
  });
  await writeLab(bed.labsDir, LAB, LAB_YAML, RUBRIC);
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  people = await makeCourse(bed, "os-2026", { ann: "student", bob: "student", cat: "student", teacher: "instructor" });
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

const AT = `/v1/courses/os-2026/labs/${LAB}`;
const stuck = async (): Promise<LabProgress> => (await people.teacher.call("GET", `${AT}/progress`)).body;
const rowOf = async (person: Person) => (await stuck()).rows.find(({ user }) => user === person.id);

describe("who is stuck where", () => {
  it("is told of running sessions by their recording so far, with the next check's hint", async () => {
    const session = await recordedSession(bed, cell, people.ann, (own) => recordSession(own, { sealed: false }));
    const row = await rowOf(people.ann);
    expect(row).toMatchObject({
      name: "ann",
      progress: {
        ...{
          session: session.id,
          state: "ready",
          from: "recording",
          outcome: "graded",
          why: null,
          events: 4,
          points: 4,
        },
        last: { check: "attached", at: "1970-01-01T00:00:01.000Z" },
        next: { check: "typed", hint: { en: "Type it." } },
      },
    });
    expect(row?.progress?.milestones.map(({ check, verdict }) => [check, verdict])).toEqual([
      ["attached", "pass"],
      ["stopped", "not_reached"],
      ["typed", "fail"],
    ]);
    expect(row?.minutes).toBeLessThan(2);
    expect((await rowOf(people.bob))?.progress).toBeNull();
    expect((await rowOf(people.teacher))?.progress).toBeUndefined();
  });

  it("costs no grading, and no look at the cell, again within seconds", async () => {
    const before = graded;
    const errands = cell.errands.length;
    await Promise.all([stuck(), stuck(), stuck()]);
    expect(graded).toBe(before);
    expect(cell.errands.length).toBe(errands);
  });

  it("is told of what was handed in by its grade, judgements by hand included", async () => {
    const id = await gradedSubmission(bed, cell, people.bob, (own) => recordSession(own, { attached: false }));
    expect(await rowOf(people.bob)).toMatchObject({ progress: { from: "submission", points: 0, last: null } });
    await people.teacher.call("PUT", `/v1/submissions/${id}/overrides/attached`, {
      body: { points: 4, reason: "seen" },
    });
    expect(await rowOf(people.bob)).toMatchObject({ progress: { points: 4, next: { check: "typed" } } });
  });

  it("says why where nothing can be said, and still tells of the others", async () => {
    const session = await recordedSession(bed, cell, people.cat, "no recording\n");
    expect(await rowOf(people.cat)).toMatchObject({
      progress: { outcome: "ungradable", why: expect.stringContaining("damaged"), next: null },
    });
    cell.traces.delete(session.id);
    await people.cat.call("DELETE", `/v1/sessions/${session.id}`);
    await recordedSession(bed, cell, people.cat, async () => Buffer.from("x")).then(({ id }) => cell.traces.delete(id));
    expect((await rowOf(people.cat))?.progress).toMatchObject({ from: "none", why: expect.any(String) });
    expect(await rowOf(people.ann)).toMatchObject({ progress: { from: "recording" } });
  });

  it("is for instructors: nobody tries their answers on it", async () => {
    for (const path of [`${AT}/progress`, `${AT}/timeline?user=${people.ann.id}`]) {
      expect(await people.ann.call("GET", path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
  });
});

describe("one student's timeline", () => {
  it("has each session with its milestones, and where each check was first met", async () => {
    const typed = [
      {
        type: "connection.opened",
        connection: 2,
        kind: "console",
        via: "websocket",
        user: people.bob.id,
        role: "driver",
      },
      { type: "console.input", connection: 2, data: "replyhi\r" },
    ] as const;
    const second = await gradedSubmission(bed, cell, people.bob, (own) => recordSession(own, { events: typed }));
    const { status, body } = await people.teacher.call("GET", `${AT}/timeline?user=${people.bob.id}`);
    expect(status).toBe(200);
    const timeline: Timeline = body;
    expect(timeline.sessions).toHaveLength(2);
    expect(timeline.sessions[1]).toMatchObject({ submission: second, from: "submission", points: 7 });
    expect(timeline.sessions[1]?.milestones[2]).toMatchObject({
      ...{ check: "typed", verdict: "pass", event: 5, at: "1970-01-01T00:00:05.000Z" },
    });
    expect(timeline.firsts.map(({ check, session }) => [check, session])).toEqual([
      ["attached", timeline.sessions[0]?.session],
      ["stopped", null],
      ["typed", timeline.sessions[1]?.session],
    ]);
    const unknown = await people.teacher.call("GET", `${AT}/timeline?user=usr_${"0".repeat(20)}`);
    expect(unknown).toMatchObject({ status: 404 });
  });
});

describe("a session's recording so far", () => {
  it("is its own student's and the instructors', from the cell while it goes on and from the store afterwards", async () => {
    const { session } = (await rowOf(people.ann))?.progress ?? { session: "" };
    for (const person of [people.ann, people.teacher]) {
      const { status, text, headers } = await person.call("GET", `/v1/sessions/${session}/trace`);
      expect({ status, type: headers["content-type"] }).toEqual({ status: 200, type: "application/x-ndjson" });
      expect(text).toBe(cell.traces.get(session)?.toString());
    }
    expect(await people.bob.call("GET", `/v1/sessions/${session}/trace`)).toMatchObject({ status: 404 });
    const handedIn = (await rowOf(people.bob))?.progress;
    const sealed = await people.bob.call("GET", `/v1/sessions/${handedIn?.session}/trace`);
    expect(sealed.text).toContain('"type":"trace.sealed"');
  });
});
