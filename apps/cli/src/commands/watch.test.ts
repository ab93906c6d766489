import type { LabProgress, Progress, Timeline } from "@ringside/shared";
import { expect, test } from "vitest";
import { startCommandBed } from "../testing/command-bed.ts";

const AT = "2026-01-01T00:00:00.000Z";
const ADA = "usr_00000000000000000001";
const text = (en: string) => ({ en, zh: `${en}的` });
const progress = (differing: Partial<Progress> = {}): Progress => ({
  ...{ session: "ses_00000000000000000001", state: "attached", submission: null, createdAt: AT, endedAt: null },
  ...{ from: "recording", why: null, outcome: "graded", events: 40, points: 10, pointsMax: 100 },
  milestones: [
    {
      ...{ check: "backlog", title: text("Backlog"), verdict: "fail", points: 0, pointsMax: 90 },
      ...{ event: null, at: null, reason: text("No stop.") },
    },
    {
      ...{ check: "attached", title: text("Attached"), verdict: "pass", points: 10, pointsMax: 10 },
      ...{ event: 7, at: AT, reason: text("gdb was attached.") },
    },
  ],
  last: { check: "attached", title: text("Attached"), at: AT },
  next: { check: "backlog", title: text("Backlog"), hint: text("Type `c`.") },
  ...differing,
});
const nothing = progress({
  ...{ from: "none", why: "The cell \u001b[2J does not answer", outcome: null, milestones: [], last: null, next: null },
});
const row = (name: string, of: Progress | null, minutes: number | null): LabProgress["rows"][number] => ({
  ...{ user: ADA, name, studentNumber: name.toUpperCase(), progress: of, minutes },
});
const PROGRESS: LabProgress = {
  at: AT,
  rows: [row("ada", progress(), 12.4), row("bob", null, null), row("cat", nothing, 90), row("dan", progress(), 90)],
};
const timeline: Timeline = {
  ...{ user: ADA, name: "ada", studentNumber: "ADA", sessions: [progress()] },
  firsts: [
    { check: "attached", title: text("Attached"), session: "ses_00000000000000000001", event: 7, at: AT },
    { check: "backlog", title: text("Backlog"), session: null, event: null, at: null },
  ],
};
const user = (id: string, name: string, studentNumber: string | null) => ({
  user: { id, name, studentNumber, siteRole: "member" },
  role: "student",
});
const routes = {
  "GET /v1/courses/os/labs/net-listen/progress": { value: PROGRESS },
  "GET /v1/courses/os/labs/net-listen/timeline": { value: timeline },
  "GET /v1/courses/os/members": {
    value: {
      members: [
        user(ADA, "ada", "ADA"),
        ...["usr_00000000000000000002", "usr_00000000000000000003"].map((id) => user(id, "twin", null)),
      ],
    },
  },
};

test("who is stuck: the last check, since when, and the next one's hint in one's own language", async () => {
  await using bed = await startCommandBed(routes);
  const { stdout, error } = await bed.run(["stuck", "net-listen", "--course", "os", "--lang", "zh"]);
  expect(error).toBeUndefined();
  const lines = stdout.split("\n").map((line) => line.split(/ {2,}/));
  expect(lines[1]).toEqual(["ADA", "ada", "attached", "10/100", "attached", "12 min", "backlog: Type `c`.的"]);
  expect(lines[2]).toEqual(["BOB", "bob", "no session"]);
  expect(stdout).toContain("The cell ?[2J does not answer");
  expect(lines[4]?.[5]).toBe("1.5 h");
  const json = JSON.parse((await bed.run(["--json", "stuck", "net-listen", "--course", "os"])).stdout);
  expect(json).toEqual(PROGRESS);
});

test("a timeline by number, name or id, with what was met in the order of its events", async () => {
  for (const student of ["ADA", "ada", ADA]) {
    await using bed = await startCommandBed(routes);
    const { stdout, error } = await bed.run(["timeline", student, "--lab", "net-listen", "--course", "os"]);
    expect(error).toBeUndefined();
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("ada (ADA)");
    expect(lines[4]?.split(/ {2,}/)).toEqual([AT, "7", "attached", "pass", "10/10", "gdb was attached."]);
    expect(lines[5]).toMatch(/backlog +fail/);
    expect(stdout).toContain("First met:");
  }
});

test("a name that nobody or several have is refused", async () => {
  await using bed = await startCommandBed(routes);
  const run = (student: string) => bed.run(["timeline", student, "--lab", "net-listen", "--course", "os"]);
  expect((await run("nobody")).error).toMatchObject({ exit: "not_found" });
  expect((await run("twin")).error).toMatchObject({ exit: "usage" });
  expect((await bed.run(["timeline", "ada"])).error).toMatchObject({ code: "commander.missingMandatoryOptionValue" });
});
