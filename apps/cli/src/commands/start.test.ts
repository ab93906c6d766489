import { expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const waiting = (queuePosition: number) =>
  aSession({ state: "queued", how: null, startMs: null, readyAt: null, queuePosition });

test("the place in the queue is shown, and then how the machine came to be", async () => {
  await using bed = await startCommandBed({
    ...withSessions(),
    "POST /v1/sessions": { value: waiting(3), status: 202 },
    [`GET /v1/sessions/${SESSION}`]: [{ value: waiting(1) }, { value: aSession() }],
  });
  const { stdout, stderr, error } = await bed.run(["start", "net-listen"]);
  expect(error).toBeUndefined();
  expect(stderr).toContain(`session ${SESSION}: ready, from the pool in 3.2 ms`);
  expect(stdout).toContain("backlog = 7");
});

test.each([
  ["clone", 31.4, "cloned in 31 ms"],
  ["cold", 1_412.2, "switched on in 1412 ms"],
] as const)("a machine that came by %s is called so", async (how, startMs, words) => {
  await using bed = await startCommandBed({
    ...withSessions(),
    "POST /v1/sessions": { value: waiting(1), status: 202 },
    [`GET /v1/sessions/${SESSION}`]: { value: aSession({ how, startMs }) },
  });
  expect((await bed.run(["start", "net-listen"])).stderr).toContain(words);
});

test("a full queue says when to try again", async () => {
  await using bed = await startCommandBed({ ...withSessions(), "POST /v1/sessions": { error: "queue_full" } });
  expect((await bed.run(["start", "net-listen"])).error).toMatchObject({
    exit: "try_later",
    message: expect.stringContaining("Try again in 9 s"),
  });
});

test("a session that is there and hibernated is woken, a copy is not taken for it", async () => {
  const asleep = aSession({ state: "hibernated", hibernatedBytes: 1 });
  const copy = aSession({ id: "ses_00000000000000000002", forkedFrom: SESSION });
  await using bed = await startCommandBed({
    ...withSessions(copy, asleep),
    [`POST /v1/sessions/${SESSION}/wake`]: { value: aSession() },
  });
  const { stdout } = await bed.run(["start", "net-listen"]);
  expect(stdout).toContain(`Session ${SESSION} of net-listen is ready`);
  expect(bed.asked.map(({ route }) => route)).not.toContain("POST /v1/sessions");
});

test("what a lab says of a value is told to those who have it", async () => {
  const note = (value: number, en: string) => ({ parameter: "backlog", value, text: { en, zh: `${en}。` } });
  const notes = [note(7, "Seven is drawn."), note(8, "Eight is not.")];
  const lab = {
    ...{ lab: "net-listen", course: "os", title: { en: "T", zh: "T" }, summary: { en: "S", zh: "S" } },
    ...{ image: "linux-x86_64", imageDigest: null, rubricDigest: "cd".repeat(32), pointsMax: 100 },
    ...{ firstSteps: { gdb: [], console: [] }, sessionMinutes: 120, questions: [], notes },
  };
  await using bed = await startCommandBed({
    ...withSessions(),
    "POST /v1/sessions": { value: aSession(), status: 202 },
    [`GET /v1/sessions/${SESSION}`]: { value: aSession() },
    "GET /v1/labs": { value: { labs: [lab] } },
  });
  const { stdout } = await bed.run(["start", "net-listen"]);
  expect(stdout).toContain("  Seven is drawn.");
  expect(stdout).not.toContain("Eight");
  const inChinese = await bed.run(["start", "net-listen"], { variables: { LANG: "zh_CN.UTF-8" } });
  expect(inChinese.stdout).toContain("  Seven is drawn.。");
});
