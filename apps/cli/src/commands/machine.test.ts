import { expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const asleep = aSession({ state: "hibernated", hibernatedBytes: 166_501 });

test("hibernating says what the saved machine takes and how it is woken", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`POST /v1/sessions/${SESSION}/hibernate`]: { value: asleep },
  });
  const { stdout, error } = await bed.run(["hibernate"]);
  expect(error).toBeUndefined();
  expect(stdout).toBe(
    `Session ${SESSION} is hibernated, 167 kB on disk. \`ringside wake\` or any connection wakes it.\n`,
  );
});

test("a machine that is recorded is refused in the server's words", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession({ record: true })),
    [`POST /v1/sessions/${SESSION}/hibernate`]: { error: "conflict" },
  });
  expect((await bed.run(["hibernate"])).error).toMatchObject({ exit: "failed", code: "conflict" });
});

test("waking says on stderr that this is what takes the time", async () => {
  await using bed = await startCommandBed({
    ...withSessions(asleep),
    [`POST /v1/sessions/${SESSION}/wake`]: { value: aSession() },
  });
  const { stdout, stderr } = await bed.run(["wake"]);
  expect(stderr).toMatch(/awake after \d+ ms/);
  expect(stdout).toBe(`Session ${SESSION} is ready.\n`);
});

test("a machine that is awake is not woken again", async () => {
  await using bed = await startCommandBed(withSessions(aSession({ state: "attached" })));
  expect((await bed.run(["wake", SESSION])).stdout).toContain("is attached");
  expect(bed.asked.map(({ route }) => route)).toEqual([`GET /v1/sessions/${SESSION}`]);
});

test("a saved machine that cannot be loaded leaves with the offer of a reset", async () => {
  await using bed = await startCommandBed({
    ...withSessions(asleep),
    [`POST /v1/sessions/${SESSION}/wake`]: { error: "state_damaged" },
  });
  for (const command of ["wake", "console"]) {
    expect((await bed.run([command])).error).toMatchObject({
      exit: "failed",
      message: expect.stringContaining("ringside reset"),
    });
  }
});

test("no room to wake a machine is for another time", async () => {
  await using bed = await startCommandBed({
    ...withSessions(asleep),
    [`POST /v1/sessions/${SESSION}/wake`]: { error: "no_capacity" },
  });
  expect((await bed.run(["wake"])).error).toMatchObject({
    exit: "try_later",
    message: expect.stringContaining("Try again in 9 s"),
  });
});

test.each([
  ["pause", true, "is held still"],
  ["resume", false, "is not held any more"],
])("%s says how the machine is now", async (command, paused, words) => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`POST /v1/sessions/${SESSION}/${command}`]: { value: { paused } },
  });
  expect((await bed.run([command])).stdout).toContain(words);
  expect(JSON.parse((await bed.run(["--json", command])).stdout)).toEqual({ session: SESSION, paused });
});

test("what is over cannot be put to sleep", async () => {
  await using bed = await startCommandBed(withSessions(aSession({ state: "ended", reason: "stopped" })));
  for (const command of ["hibernate", "wake", "pause", "resume", "fork"]) {
    expect((await bed.run([command, SESSION])).error).toMatchObject({
      exit: "failed",
      message: expect.stringContaining("is over"),
    });
  }
});
