import { expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const AT = `/v1/sessions/${SESSION}/checkpoints`;
const saved = { name: "before-listen", bytes: 300_001, savedAt: "2026-01-01T00:00:00.000Z" };

test("a checkpoint is saved under its name, and the way back is said", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`POST ${AT}`]: { value: saved, status: 201 },
  });
  const { stdout } = await bed.run(["checkpoint", "save", "before-listen"]);
  expect(stdout).toContain("301 kB");
  expect(stdout).toContain("ringside checkpoint restore before-listen");
  expect(bed.asked.at(-1)?.body).toEqual({ name: "before-listen" });
});

test("checkpoints are listed, and none is said to be none", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`GET ${AT}`]: [{ value: { checkpoints: [saved] } }, { value: { checkpoints: [] } }],
  });
  expect((await bed.run(["checkpoint", "list"])).stdout).toMatch(/before-listen +301 kB/);
  expect((await bed.run(["checkpoint", "list", SESSION])).stdout).toContain("ringside checkpoint save NAME");
});

test("a checkpoint is deleted by an answer without a body", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`DELETE ${AT}/before-listen`]: { value: undefined, status: 204 },
  });
  const { stdout, error } = await bed.run(["--json", "checkpoint", "delete", "before-listen"]);
  expect(error).toBeUndefined();
  expect(JSON.parse(stdout)).toEqual({ session: SESSION, deleted: "before-listen" });
});

test("restoring waits until the machine is there again", async () => {
  const queued = aSession({ state: "queued", epoch: 2, how: null, startMs: null, queuePosition: 1 });
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`GET /v1/sessions/${SESSION}`]: [{ value: queued }, { value: aSession({ epoch: 2 }) }],
    [`POST ${AT}/before-listen/restore`]: { value: queued, status: 202 },
  });
  const { stdout, stderr } = await bed.run(["checkpoint", "restore", "before-listen"]);
  expect(stdout).toContain("is at before-listen again");
  expect(stderr).toContain("ready, from the pool in 3.2 ms");
});

test.each(["delete", "restore"])("%s of a checkpoint that is not there names those that are", async (command) => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`GET ${AT}`]: { value: { checkpoints: [saved] } },
  });
  expect((await bed.run(["checkpoint", command, "nowhere"])).error).toMatchObject({
    exit: "not_found",
    message: `Session ${SESSION} has no checkpoint nowhere: it has before-listen.`,
  });
});

test.each(["Upper", "-x", "a/b", "x".repeat(33)])("the name %j is refused before the server is asked", async (name) => {
  await using bed = await startCommandBed(withSessions(aSession()));
  const { error, stderr } = await bed.run(["checkpoint", "save", "--", name]);
  expect(error).toMatchObject({ code: "commander.invalidArgument" });
  expect(stderr).toContain("must be 1 to 32");
  expect(bed.asked).toEqual([]);
});
