import { expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const nth = (n: number) => `ses_0000000000000000000${n}`;

test("the list says how a machine came to be, who waits where, and what sleeping takes", async () => {
  await using bed = await startCommandBed(
    withSessions(
      aSession(),
      aSession({ id: nth(2), state: "queued", how: null, startMs: null, queuePosition: 4 }),
      aSession({ id: nth(3), state: "hibernated", hibernatedBytes: 200_000 }),
      aSession({ id: nth(4), record: true, forkedFrom: SESSION, how: "clone", startMs: 30 }),
    ),
  );
  const lines = (await bed.run(["sessions"])).stdout.split("\n");
  expect(lines[1]).toMatch(/ready +from the pool in 3\.2 ms/);
  expect(lines[2]).toMatch(/queued \(place 4\)/);
  expect(lines[3]).toMatch(/hibernated \(200 kB\)/);
  expect(lines[4]).toContain(`cloned in 30 ms, recorded, copy of ${SESSION}`);
});

test("a command is about the one original, whatever copies there are", async () => {
  const copies = [2, 3].map((n) => aSession({ id: nth(n), forkedFrom: SESSION }));
  await using bed = await startCommandBed({
    ...withSessions(...copies, aSession({ state: "hibernated", hibernatedBytes: 1 })),
    [`DELETE /v1/sessions/${SESSION}`]: { value: aSession({ state: "ended", reason: "stopped" }) },
  });
  expect((await bed.run(["stop"])).stdout).toBe(`Session ${SESSION} ends.\n`);
});

test("of copies alone, one is meant and two must be told apart", async () => {
  const [first, second] = [2, 3].map((n) => aSession({ id: nth(n), forkedFrom: SESSION }));
  if (!first || !second) throw new Error("unreachable");
  const stopped = { [`DELETE /v1/sessions/${first.id}`]: { value: first } };
  await using one = await startCommandBed({ ...withSessions(first), ...stopped });
  expect((await one.run(["stop"])).error).toBeUndefined();
  await using two = await startCommandBed({ ...withSessions(first, second), ...stopped });
  expect((await two.run(["stop"])).error).toMatchObject({ exit: "usage", message: expect.stringContaining(second.id) });
});
