import type { SessionAnswers } from "@ringside/shared";
import { describe, expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const clamp = { question: "clamp", kind: "number", title: { en: "The clamped backlog?", zh: "截断后的值?" } } as const;
const name = { question: "name", kind: "text", title: { en: "Which function?", zh: "哪个函数?" } } as const;
const AT = "2026-03-02T08:00:00.000Z";
const answers = (value: string | null): SessionAnswers => ({
  questions: [
    { ...clamp, value, at: value === null ? null : AT },
    { ...name, value: null, at: null },
  ],
});
const GET = `GET /v1/sessions/${SESSION}/answers`;
const PUT = `PUT /v1/sessions/${SESSION}/answers/clamp`;

describe("ringside answer", () => {
  test("gives an answer, a negative one too, and shows what stands", async () => {
    await using bed = await startCommandBed({ ...withSessions(aSession()), [PUT]: { value: answers("-38") } });
    const { stdout, error } = await bed.run(["answer", "clamp", "-38"]);
    expect(error).toBeUndefined();
    expect(bed.asked.at(-1)).toMatchObject({ route: PUT, body: { value: "-38" } });
    expect(stdout).toMatch(/clamp +number +-38 +The clamped backlog\?/);
    expect(stdout).toMatch(/name +text +- +Which function\?/);
  });

  test("without a question shows all of them, in either language", async () => {
    await using bed = await startCommandBed({ ...withSessions(aSession()), [GET]: { value: answers(null) } });
    expect((await bed.run(["answer", "--lang", "zh"])).stdout).toContain("哪个函数?");
    const { stdout } = await bed.run(["answer", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ session: SESSION, questions: [{ question: "clamp" }, {}] });
    expect((await bed.run(["answer", "clamp"])).error).toMatchObject({ exit: "usage" });
  });

  test("of a session that is named, or was handed in", async () => {
    await using bed = await startCommandBed({ ...withSessions(aSession()), [PUT]: { error: "conflict" } });
    expect((await bed.run(["answer", "clamp", "1", "--session", SESSION])).error).toMatchObject({ exit: "failed" });
  });
});

describe("a lab's questions", () => {
  const lab = {
    ...{ lab: "net-listen", course: "os", title: { en: "Stop in listen", zh: "停在 listen" } },
    ...{ summary: { en: "Stop there.", zh: "停在那里。" }, image: "linux-x86_64", imageDigest: null },
    ...{ rubricDigest: "a".repeat(64), pointsMax: 100, sessionMinutes: 30, questions: [clamp] },
    firstSteps: { gdb: ["b sys_listen"], console: ["replyhi"] },
  };

  test("are shown with the lab", async () => {
    await using bed = await startCommandBed({ "GET /v1/labs": { value: { labs: [lab] } } });
    const { stdout } = await bed.run(["labs", "net-listen"]);
    expect(stdout).toContain("Stop in listen (net-listen): 100 points, 30 minutes");
    expect(stdout).toContain("(gdb) b sys_listen");
    expect(stdout).toContain("clamp (a number)  The clamped backlog?");
    expect((await bed.run(["labs", "net-listen", "--lang", "zh"])).stdout).toContain("截断后的值?");
    expect((await bed.run(["labs", "other"])).error).toMatchObject({ exit: "not_found" });
    const { questions: _, ...older } = lab;
    await using before = await startCommandBed({ "GET /v1/labs": { value: { labs: [older] } } });
    expect((await before.run(["labs", "net-listen"])).stdout).not.toContain("It asks");
  });

  test("that have no answer are named by submit", async () => {
    const submission = {
      ...{ id: "sub_00000000000000000001", session: SESSION, user: "usr_00000000000000000001", course: "os" },
      ...{ lab: "net-listen", traceDigest: "b".repeat(64), traceEvents: 9, traceBytes: 900, createdAt: AT },
      ...{ recordings: [], grade: null },
    };
    const routes = {
      ...withSessions(aSession()),
      [GET]: { value: answers("128") },
      [`POST /v1/sessions/${SESSION}/submit`]: { value: submission },
    };
    await using bed = await startCommandBed(routes);
    const { stderr, stdout } = await bed.run(["submit", "--no-wait"]);
    expect(stderr).toContain("Not answered with `ringside answer`: name.");
    expect(stdout).toContain("Handed in as sub_00000000000000000001");
  });
});

describe("ringside keys", () => {
  const key = "ab".repeat(32);
  const shown = {
    ...{ cell: "cell-1", key, firstSeen: AT, revokedFrom: AT },
    publicKey: `MCowBQYDK2VwAyEA${"A".repeat(43)}=`,
  };

  test("revokes a key from a moment on", async () => {
    const route = `POST /v1/seal-keys/${key}/revoke`;
    await using bed = await startCommandBed({ [route]: { value: { keys: [shown] } } });
    const { stdout } = await bed.run(["keys", "revoke", key, "--from", "2026-03-02T09:00:00+01:00"]);
    expect(bed.asked.at(-1)).toMatchObject({ route, body: { from: AT } });
    expect(stdout).toContain(AT);
    await bed.run(["keys", "revoke", key.toUpperCase()]);
    expect(bed.asked.at(-1)).toMatchObject({ route, body: {} });
    for (const args of [["12"], [key, "--from", "yesterday"]]) {
      expect((await bed.run(["keys", "revoke", ...args])).error).toMatchObject({ code: "commander.invalidArgument" });
    }
  });

  test("says so where no cell has shown one", async () => {
    await using bed = await startCommandBed({ "GET /v1/seal-keys": { value: { keys: [] } } });
    expect((await bed.run(["keys", "list"])).stdout).toContain("No cell has shown a key yet");
  });
});
