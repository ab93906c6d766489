import { createHash } from "node:crypto";
import { REGRADE_QUEUE, type Regrade, regradeJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Bed, LAB, makeCourse, openBed, type Person } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { RUBRIC_YAML } from "../testing/files.ts";
import { gradedSubmission, recordSession } from "../testing/recorded.ts";
import { gradeFile } from "./grade-file.ts";
import type { Grader } from "./grader.ts";
import { runRegrade } from "./regrade-job.ts";

const PATH = `/v1/courses/os-2026/labs/${LAB}/regrades`;
/** The check is worth more, there is one that nobody meets, and one that everybody meets. */
const STRICTER = `${RUBRIC_YAML.replace("points: 4", "points: 6")}
  - id: typed
    title: { en: Type replyhi, zh: 输入 replyhi }
    points: 3
    when: { console_typed: replyhi }
  - id: clean
    title: { en: Nothing was written, zh: 没有改写 }
    points: 1
    when: { never: { wrote_memory: true } }
`;

let bed: Bed;
let cell: FakeCell;
let people: Record<"ann" | "bob" | "teacher", Person>;
/** Ann attached gdb, Bob did not, Ann handed in a second time. */
let submissions: readonly string[];

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  people = await makeCourse(bed, "os-2026", { ann: "student", bob: "student", teacher: "instructor" });
  submissions = [
    await gradedSubmission(bed, cell, people.ann),
    await gradedSubmission(bed, cell, people.bob, (session) => recordSession(session, { attached: false })),
    await gradedSubmission(bed, cell, people.ann),
  ];
}, 120_000);
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const { database } = bed.api.core;
  await database.regrade.deleteMany();
  await database.override.deleteMany();
  await database.grade.deleteMany({ where: { version: { gt: 1 } } });
});

const ask = (method: string, path: string, body?: unknown) => people.teacher.call(method, path, { body });
async function regrade(rubric?: string): Promise<Regrade> {
  const made = await ask("POST", PATH, { ...(rubric !== undefined && { rubric }) });
  expect(made.text).toContain("rgr_");
  expect(made.status).toBe(202);
  return (await ask("GET", `${PATH}/${made.body.id}?wait_ms=20000`)).body;
}
const changesOf = async ({ id }: Regrade, query = "") => (await ask("GET", `${PATH}/${id}/changes${query}`)).body;
const apply = ({ id }: Regrade) => ask("POST", `${PATH}/${id}/apply`);
const grades = () => bed.api.core.database.grade.findMany({ orderBy: [{ submissionId: "asc" }, { version: "asc" }] });

describe("a regrade", () => {
  it("shows what would change, check by check, and changes nothing", async () => {
    const before = await grades();
    const ready = await regrade(STRICTER);
    expect(ready).toMatchObject({ state: "ready", submissions: 3, done: 3, changed: 3, problems: 0 });
    expect(ready).toMatchObject({
      authorName: "teacher",
      rubricIsTheLabs: false,
      rubricDigest: createHash("sha256").update(STRICTER).digest("hex"),
    });
    const { changes, next } = await changesOf(ready);
    expect(next).toBeNull();
    const bob = changes.find(({ user }: { user: string }) => user === people.bob.id);
    expect(bob).toMatchObject({
      name: "bob",
      before: { points: 0, pointsMax: 4 },
      after: { points: 1, pointsMax: 10, outcome: "graded" },
      checks: [
        { check: "attached", before: { verdict: "fail", pointsMax: 4 }, after: { verdict: "fail", pointsMax: 6 } },
        { check: "typed", before: null, after: { verdict: "fail", points: 0 } },
        { check: "clean", before: null, after: { verdict: "pass", points: 1 } },
      ],
    });
    expect(await grades()).toEqual(before);
  });

  it("is applied as a further version of each grade, once, and the older ones stay", async () => {
    const before = await grades();
    const ready = await regrade(STRICTER);
    expect(await apply(ready)).toMatchObject({ status: 200, body: { state: "applied" } });
    const after = await grades();
    expect(after.filter(({ version }) => version === 1)).toEqual(before);
    expect(after.filter(({ version }) => version === 2)).toHaveLength(3);
    expect(after.find(({ version }) => version === 2)).toMatchObject({ pointsMax: 10, outcome: "graded" });
    const shown = (await people.ann.call("GET", `/v1/submissions/${submissions[0]}`)).body.grade;
    expect(shown).toMatchObject({ version: 2, points: 7, rubricDigest: ready.rubricDigest });
    expect(await apply(ready)).toMatchObject({ status: 200, body: { state: "applied" } });
    expect(await grades()).toEqual(after);
    const deeds = await bed.api.core.database.auditRow.findMany({ where: { action: "grade.regrade_apply" } });
    expect(deeds.at(-1)?.details).toMatchObject({ regrade: ready.id, grades: 3 });
  });

  it("with the same rubric changes nothing, twice over", async () => {
    await apply(await regrade(STRICTER));
    const after = await grades();
    const again = await regrade(STRICTER);
    expect(again).toMatchObject({ changed: 0, submissions: 3 });
    expect((await changesOf(again)).changes).toEqual([]);
    await apply(again);
    expect(await grades()).toEqual(after);
    const own = await regrade();
    expect(own).toMatchObject({ rubricIsTheLabs: true, changed: 3 });
  });

  it("tells of overrides that fit no more, and keeps them", async () => {
    const [first] = submissions;
    const at = `/v1/submissions/${first}/overrides/attached`;
    await ask("PUT", at, { points: 4, reason: "seen" });
    const without = STRICTER.replace("id: attached", "id: was-attached");
    const ready = await regrade(without);
    const { changes } = await changesOf(ready);
    const change = changes.find(({ submission }: { submission: string }) => submission === first);
    expect(change).toMatchObject({ before: { points: 4 }, unused: [{ check: "attached", points: 4, reason: "seen" }] });
    await apply(ready);
    const { grade } = (await people.ann.call("GET", `/v1/submissions/${first}`)).body;
    expect(grade).toMatchObject({ version: 2, points: 7, overridesUnused: [{ check: "attached" }] });
    await apply(await regrade(RUBRIC_YAML));
    const back = (await people.ann.call("GET", `/v1/submissions/${first}`)).body.grade;
    expect(back).toMatchObject({ version: 3, points: 4, verdicts: [{ override: { author: people.teacher.id } }] });
  });

  it("comes page by page", async () => {
    const ready = await regrade(STRICTER);
    const seen: string[] = [];
    for (let after: string | null = ""; after !== null; ) {
      const page: { changes: { submission: string }[]; next: string | null } = await changesOf(
        ready,
        `?limit=1${after === "" ? "" : `&after=${after}`}`,
      );
      seen.push(...page.changes.map(({ submission }) => submission));
      after = page.next;
    }
    expect(seen).toEqual([...submissions].sort());
  });
});

describe("a regrade is refused", () => {
  it("where anything has changed since it was made", async () => {
    const ready = await regrade(STRICTER);
    await ask("PUT", `/v1/submissions/${submissions[1]}/overrides/attached`, { points: 1, reason: "seen" });
    expect(await apply(ready)).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect((await grades()).map(({ version }) => version)).toEqual([1, 1, 1]);
    const newer = await regrade(STRICTER);
    await bed.api.core.database.regrade.update({ where: { id: newer.id }, data: { graderVersion: "0" } });
    expect((await apply(newer)).body.message).toContain("another version");
    const first = await regrade(STRICTER);
    const second = await regrade(STRICTER.replace("points: 6", "points: 7"));
    expect(await apply(second)).toMatchObject({ status: 200 });
    expect(await apply(first)).toMatchObject({ status: 409 });
  });

  it("with a rubric that has a mistake, named by its line, or that is too large", async () => {
    const wrong = await ask("POST", PATH, {
      rubric: RUBRIC_YAML.replace("attached: true", "atached: true"),
      file: "my.yaml",
    });
    expect(wrong).toMatchObject({ status: 422, body: { code: "lab_invalid" } });
    expect(wrong.body.message).toContain("my.yaml:6");
    const large = `${RUBRIC_YAML}#${"文".repeat(90_000)}`;
    expect(await ask("POST", PATH, { rubric: large })).toMatchObject({ status: 413 });
    expect(await ask("POST", PATH, { rubric: "x".repeat(300_000) })).toMatchObject({ status: 400 });
    expect(await ask("POST", PATH, { rubric: RUBRIC_YAML, file: "../x" })).toMatchObject({ status: 400 });
  });

  it("while another of the lab runs; the same request is answered with the one that runs", async () => {
    const { database } = bed.api.core;
    const first = await regrade(STRICTER);
    await database.regrade.update({ where: { id: first.id }, data: { state: "running" } });
    const same = await ask("POST", PATH, { rubric: STRICTER });
    expect(same).toMatchObject({ status: 202, body: { id: first.id } });
    expect(await ask("POST", PATH, { rubric: RUBRIC_YAML })).toMatchObject({
      status: 409,
      body: { details: { regrade: first.id } },
    });
    expect((await apply(first)).body.message).toContain("still runs");
  });
});

describe("the job", () => {
  const options = (grader: Grader) => ({ ...bed.api.core, grader, onProgress: () => undefined });

  it("that broke off goes on where it was, and ends with the same bytes", async () => {
    const whole = await regrade(STRICTER);
    const { database } = bed.api.core;
    const rowsOf = (id: string) =>
      database.regradeRow.findMany({ where: { regradeId: id }, orderBy: { submissionId: "asc" } });
    const bytes = (await rowsOf(whole.id)).map(({ result }) => result);
    await database.regrade.update({ where: { id: whole.id }, data: { state: "running", createdAt: new Date() } });
    await database.regradeRow.updateMany({ data: { result: null, changed: false } });
    const stop = new AbortController();
    const dying: Grader = async (input) => {
      if (stop.signal.aborted) throw new Error("gone");
      stop.abort(new Error("the api was stopped"));
      return gradeFile(input);
    };
    await expect(runRegrade(options(dying), whole.id, stop.signal)).rejects.toThrow("the api was stopped");
    expect((await rowsOf(whole.id)).filter(({ result }) => result !== null)).toHaveLength(1);
    let graded = 0;
    const counting: Grader = async (input) => {
      graded += 1;
      return gradeFile(input);
    };
    await runRegrade(options(counting), whole.id, new AbortController().signal);
    expect(graded).toBe(2);
    expect((await rowsOf(whole.id)).map(({ result }) => result)).toEqual(bytes);
    expect((await database.regrade.findUniqueOrThrow({ where: { id: whole.id } })).state).toBe("ready");
  });

  it("that Redis has lost is queued again", async () => {
    const ready = await regrade(STRICTER);
    const { database } = bed.api.core;
    await database.regradeRow.updateMany({ data: { result: null, changed: false } });
    const long = new Date(Date.now() - 60_000);
    const queue = new Queue(REGRADE_QUEUE, { connection: bed.redis, prefix: bed.prefix });
    await queue.remove(regradeJobId({ regrade: ready.id }));
    await queue.close();
    await database.regrade.update({ where: { id: ready.id }, data: { state: "running", createdAt: long } });
    const { body } = await ask("GET", `${PATH}/${ready.id}?wait_ms=20000`);
    expect(body).toMatchObject({ state: "ready", done: 3 });
  });

  it("keeps the grade of what it cannot grade, says why, and grades the others", async () => {
    const ready = await regrade(STRICTER);
    const { database } = bed.api.core;
    await database.regrade.update({ where: { id: ready.id }, data: { state: "running" } });
    await database.regradeRow.updateMany({ data: { result: null, changed: false } });
    const first = [...submissions].sort()[0] ?? "";
    const { sessionId } = await database.submission.findUniqueOrThrow({ where: { id: first } });
    const failing: Grader = async (input) => {
      if (input.expected.session === sessionId) throw new Error("the trace's file is gone");
      return gradeFile(input);
    };
    await runRegrade(options(failing), ready.id, new AbortController().signal);
    const { body } = await ask("GET", `${PATH}/${ready.id}`);
    expect(body).toMatchObject({ state: "ready", done: 3, problems: 1 });
    expect((await changesOf(ready)).changes[0]).toMatchObject({
      submission: first,
      after: null,
      problem: "the trace's file is gone",
    });
    await apply(ready);
    expect((await grades()).filter(({ version }) => version === 2)).toHaveLength(2);
  });
});
