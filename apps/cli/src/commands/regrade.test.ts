import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GradeChange, Regrade } from "@ringside/shared";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Routes, startCommandBed } from "../testing/command-bed.ts";

const ID = "rgr_00000000000000000001";
const AT = "2026-01-01T00:00:00.000Z";
const regrade = (differing: Partial<Regrade> = {}): Regrade => ({
  ...{ id: ID, course: "os", lab: "net-listen", author: "usr_00000000000000000009", authorName: "Tea" },
  ...{ state: "ready", rubricDigest: "ab".repeat(32), rubricIsTheLabs: false, graderVersion: "3" },
  ...{ submissions: 2, done: 2, changed: 1, problems: 1, createdAt: AT, readyAt: AT, appliedAt: null },
  ...differing,
});
const totals = (points: number) => ({ outcome: "graded", ungradable: null, points, pointsMax: 100 }) as const;
const judged = (verdict: "pass" | "fail", points: number) => ({ verdict, points, pointsMax: 25, overridden: false });
const change = (differing: Partial<GradeChange> = {}): GradeChange => ({
  ...{ submission: "sub_00000000000000000001", user: "usr_00000000000000000001", name: "Ada", studentNumber: "S1" },
  ...{ submittedAt: AT, before: totals(75), after: totals(100), problem: null },
  checks: [{ check: "backlog", title: { en: "B", zh: "B" }, before: judged("fail", 0), after: judged("pass", 25) }],
  unused: [],
  ...differing,
});
const broken = change({
  ...{ submission: "sub_00000000000000000002", name: "Bob\u001b[2J", studentNumber: "S2", checks: [] },
  ...{ after: null, problem: "the trace is gone" },
});

const AT_LAB = "/v1/courses/os/labs/net-listen/regrades";
const routes = (more: Routes = {}): Routes => ({
  "GET /v1/labs": { value: { labs: [lab("os")] } },
  [`POST ${AT_LAB}`]: { value: regrade({ state: "running", done: 1 }), status: 202 },
  [`GET ${AT_LAB}/${ID}`]: { value: regrade() },
  [`GET ${AT_LAB}/${ID}/changes`]: [
    { value: { changes: [broken], next: "sub_00000000000000000002" } },
    { value: { changes: [change()], next: null } },
  ],
  [`POST ${AT_LAB}/${ID}/apply`]: { value: regrade({ state: "applied", appliedAt: AT }) },
  ...more,
});
const lab = (course: string) => ({
  ...{ lab: "net-listen", course, title: { en: "L", zh: "L" }, summary: { en: "L", zh: "L" }, image: "linux-x86_64" },
  ...{ imageDigest: null, rubricDigest: "ab".repeat(32), pointsMax: 100, firstSteps: { gdb: [], console: [] } },
  sessionMinutes: 30,
});

let folder: string;
let rubric: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-regrade-"));
  rubric = join(folder, "my rubric.yaml");
  await writeFile(rubric, "checks: []\n");
});
afterAll(() => rm(folder, { recursive: true }));

test("without a terminal it shows what would change, sums it up, and applies nothing", async () => {
  await using bed = await startCommandBed(routes());
  const { stdout, stderr, error } = await bed.run(["regrade", "net-listen", "--rubric", rubric]);
  expect(error).toBeUndefined();
  expect(bed.asked.find(({ route }) => route === `POST ${AT_LAB}`)?.body).toEqual({
    rubric: "checks: []\n",
    file: "my_rubric.yaml",
  });
  const lines = stdout.split("\n").map((line) => line.split(/ {2,}/));
  expect(lines[1]).toEqual(["S1", "Ada", "backlog", "fail 0/25", "pass 25/25", "sub_00000000000000000001"]);
  expect(lines[2]?.slice(2, 5)).toEqual(["= all", "75/100", "100/100"]);
  expect(lines[3]).toEqual([
    "S2",
    "Bob?[2J",
    "= all",
    "75/100",
    "stays: the trace is gone",
    "sub_00000000000000000002",
  ]);
  expect(stdout).toContain("1 of 2 submissions change: 75 of 100 points before, 100 of 100 after.");
  expect(stdout).toContain("1 could not be graded now");
  expect(stderr).toContain(`--apply ${ID}`);
  expect(bed.asked.some(({ route }) => route.endsWith("/apply"))).toBe(false);
});

test("--apply applies, a dry run by its id as well", async () => {
  for (const args of [["--apply"], ["--apply", ID]]) {
    await using bed = await startCommandBed(routes());
    const { stderr, error } = await bed.run(["regrade", "net-listen", ...args]);
    expect(error).toBeUndefined();
    expect(stderr).toContain("Applied");
    expect(stderr).toContain("change rubric.yaml of net-listen");
    expect(bed.asked.some(({ route }) => route === `POST ${AT_LAB}`)).toBe(args.length === 1);
    expect(bed.asked.at(-1)?.route).toBe(`POST ${AT_LAB}/${ID}/apply`);
  }
});

test("--json gives the regrade and its changes as one document", async () => {
  await using bed = await startCommandBed(routes());
  const document = JSON.parse((await bed.run(["--json", "regrade", "net-listen", "--dry-run"])).stdout);
  expect(document).toEqual({ regrade: regrade(), changes: [broken, change()] });
});

test("a lab of two courses needs the course; options that make no sense are refused", async () => {
  await using bed = await startCommandBed(routes({ "GET /v1/labs": { value: { labs: [lab("os"), lab("net")] } } }));
  const two = await bed.run(["regrade", "net-listen"]);
  expect(two.error).toMatchObject({ exit: "usage", message: expect.stringContaining("os or net") });
  for (const args of [
    ["--dry-run", "--apply"],
    ["--apply", "rgr_1"],
    ["--apply", ID, "--rubric", rubric],
  ]) {
    expect((await bed.run(["regrade", "net-listen", ...args])).error).toMatchObject({ exit: "usage" });
  }
  const missing = await bed.run(["regrade", "net-listen", "--course", "os", "--rubric", "/nowhere/r.yaml"]);
  expect(missing.error).toMatchObject({ exit: "not_found" });
});
