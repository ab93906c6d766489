import type { Submission, Verdict } from "@ringside/shared";
import { expect, test } from "vitest";
import { startCommandBed } from "../testing/command-bed.ts";

const SUBMISSION = "sub_00000000000000000001";
const TEACHER = "usr_00000000000000000009";
const AT = "2026-01-01T00:00:00.000Z";
const text = (en: string) => ({ en, zh: en });

function submission(verdict: Partial<Verdict>): Submission {
  const digests = { rubricDigest: "ab".repeat(32), traceDigest: "cd".repeat(32) };
  const own = { check: "stopped", title: text("Stopped"), verdict: "fail", points: 0, pointsMax: 25 } as const;
  const verdicts = [{ ...own, reason: text("No stop."), evidence: [], ...verdict }];
  const points = verdict.points ?? 0;
  return {
    ...{ id: SUBMISSION, session: "ses_00000000000000000001", user: "usr_00000000000000000001", course: "os" },
    ...{ lab: "net-listen", traceDigest: digests.traceDigest, traceEvents: 9, traceBytes: 900, createdAt: AT },
    recordings: [],
    grade: {
      ...{ outcome: "graded", ungradable: null, points, pointsMax: 25, verdicts, ...digests, graderVersion: "3" },
      ...{ submission: SUBMISSION, version: 1, createdAt: AT },
    },
  };
}
const override = {
  ...{ author: TEACHER, authorName: "Tea", at: AT },
  automatic: { verdict: "fail" as const, points: 0, reason: text("No stop.") },
};
const judged = submission({ verdict: "partial", points: 10, reason: text("Seen in class."), override });
const routes = {
  [`GET /v1/submissions/${SUBMISSION}`]: { value: judged },
  [`PUT /v1/submissions/${SUBMISSION}/overrides/stopped`]: { value: judged },
  [`DELETE /v1/submissions/${SUBMISSION}/overrides/stopped`]: { value: submission({}) },
};
const POINTS = ["--points", "10", "--reason", "Seen in class."];

test("a judgement is sent with its reason and shown beside the grader's own", async () => {
  await using bed = await startCommandBed(routes);
  const { stdout, error } = await bed.run(["override", SUBMISSION, "stopped", ...POINTS]);
  expect(error).toBeUndefined();
  expect(bed.asked.at(-1)?.body).toEqual({ points: 10, reason: "Seen in class." });
  expect(stdout).toContain("stopped: partial, 10/25, judged by hand; the grader's own: fail, 0. 10 of 25 points");
  const json = JSON.parse((await bed.run(["--json", "override", SUBMISSION, "stopped", ...POINTS])).stdout);
  expect(json.grade.verdicts[0].override).toEqual(override);
});

test("students see who judged", async () => {
  await using bed = await startCommandBed(routes);
  expect((await bed.run(["grade", SUBMISSION])).stdout).toContain("Seen in class. (judged by Tea)");
});

test("--remove takes it back", async () => {
  await using bed = await startCommandBed(routes);
  const { stdout } = await bed.run(["override", SUBMISSION, "stopped", "--remove"]);
  expect(stdout).toContain("stopped: fail, 0/25, as the grader judged it.");
});

test("without a check, what stands and all that was done is listed", async () => {
  const standing = { check: "gone", points: 5, reason: "seen", author: TEACHER, authorName: "Tea", at: AT };
  const did = { at: AT, author: TEACHER, authorName: "Tea", did: "set", check: "gone", points: 5, reason: "seen" };
  await using bed = await startCommandBed({
    ...routes,
    [`GET /v1/submissions/${SUBMISSION}/overrides`]: {
      value: { overrides: [standing], unused: [standing], history: [did] },
    },
  });
  const { stdout } = await bed.run(["override", SUBMISSION]);
  expect(stdout).toContain("seen (fits no check of the grade as it is)");
  expect(stdout).toContain(`${AT}  set`);
});

test.each([[[]], [["--points", "10"]], [["--reason", "x"]], [["--remove", "--points", "1"]]])(
  "%j is refused before anything is asked of the server",
  async (args) => {
    await using bed = await startCommandBed(routes);
    expect((await bed.run(["override", SUBMISSION, "stopped", ...args])).error).toMatchObject({ exit: "usage" });
    expect(bed.asked.every(({ route }) => route.startsWith("GET"))).toBe(true);
  },
);
