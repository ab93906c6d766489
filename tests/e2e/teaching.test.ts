import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createApi } from "../../apps/cli/src/api/calls.ts";
import { stopInListen } from "../../apps/cli/src/bench/listen-stop.ts";
import { readySession } from "../../apps/cli/src/bench/place.ts";
import { COURSE_LABS, runLab, startLabBed } from "../labs/testing/lab-run.ts";
import { student, type TestBox } from "../support/test-box.ts";

// What an instructor does while a class works, against real machines: who is stuck where, and a changed rubric.
const LAB = "net-listen";
const COURSE = "bench";

let box: TestBox;
const teacher = () => {
  const { url, adminToken } = box.temporary.box;
  return createApi({ url, token: adminToken, signal: box.context.signal });
};

beforeAll(async () => {
  box = await startLabBed({ labs: [LAB], students: 2 });
});
afterAll(async () => {
  await box[Symbol.asyncDispose]();
});

it("a session that runs is judged by its recording so far, one that was handed in by its grade", async () => {
  const done = await runLab(box, { lab: LAB, student: 0 });
  const working = student(box, 1).api;
  const session = await readySession(working, LAB);
  await stopInListen(box.place, working, session.id, box.context.signal);
  const { rows } = await teacher().labProgress(COURSE, LAB, undefined);
  const of = (id: string) => rows.find(({ progress }) => progress?.session === id)?.progress;
  expect(of(session.id)).toMatchObject({ from: "recording", outcome: "graded", why: null });
  expect(of(session.id)?.milestones.find(({ check }) => check === "stopped")).toMatchObject({ verdict: "pass" });
  expect(of(session.id)?.last?.at).not.toBeNull();
  expect(rows.filter(({ progress }) => progress?.from === "submission")).toHaveLength(1);
  expect(rows.find(({ progress }) => progress?.from === "submission")?.progress?.points).toBe(done.grade.points);
});

it("a changed rubric is shown, applied, and shown to the student", async () => {
  const api = teacher();
  const text = await readFile(path.join(COURSE_LABS, LAB, "rubric.yaml"), "utf8");
  const made = await api.startRegrade(COURSE, LAB, { rubric: text.replace("points: 10\n", "points: 30\n") });
  const ready = await api.regrade(COURSE, LAB, made.id, 20_000);
  expect(ready).toMatchObject({ state: "ready", submissions: 1, changed: 1, problems: 0, rubricIsTheLabs: false });
  const [change] = await api.regradeChanges(COURSE, LAB, ready.id);
  expect(change?.checks).toMatchObject([{ check: "attached", before: { points: 10 }, after: { points: 30 } }]);
  expect(await api.applyRegrade(COURSE, LAB, ready.id)).toMatchObject({ state: "applied" });
  const seen = await student(box, 0).api.submission(change?.submission ?? "");
  expect(seen.grade).toMatchObject({ version: 2, points: 120, pointsMax: 120 });
});
