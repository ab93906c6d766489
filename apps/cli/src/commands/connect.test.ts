import { expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const entry = { host: "192.0.2.1", port: 20_000, expiresAt: "2026-01-01T01:00:00.000Z" };
const routes = {
  "GET /v1/labs": { value: { labs: [] } },
  [`POST /v1/sessions/${SESSION}/tcp-entry`]: { value: entry },
};

test("a hibernated machine may be connected to, and stderr says what gdb then waits for", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession({ state: "hibernated", hibernatedBytes: 1 })),
    ...routes,
  });
  const { stdout, stderr, error } = await bed.run(["connect", "--tcp", "--no-symbols"]);
  expect(error).toBeUndefined();
  expect(stderr).toContain("connecting wakes its machine");
  expect(stdout).toContain("target remote 192.0.2.1:20000");
});

test("nothing is said of waking where the machine is awake", async () => {
  await using bed = await startCommandBed({ ...withSessions(aSession()), ...routes });
  expect((await bed.run(["connect", "--tcp", "--no-symbols"])).stderr).toBe("");
});

test("a machine that is not there yet is waited for with start", async () => {
  await using bed = await startCommandBed({ ...withSessions(aSession({ state: "queued" })), ...routes });
  expect((await bed.run(["connect"])).error).toMatchObject({
    exit: "try_later",
    message: expect.stringContaining("ringside start net-listen"),
  });
});
