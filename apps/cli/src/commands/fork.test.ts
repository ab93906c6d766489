import { expect, test } from "vitest";
import { aSession, SESSION, startCommandBed, withSessions } from "../testing/command-bed.ts";

const COPY = "ses_00000000000000000002";
const copy = aSession({ id: COPY, forkedFrom: SESSION });

test("a fork asks for a copy once, waits for it and says what to do with it", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`POST /v1/sessions/${SESSION}/fork`]: { value: aSession({ ...copy, state: "requested" }), status: 202 },
    [`GET /v1/sessions/${COPY}`]: { value: copy },
  });
  const { stdout, error } = await bed.run(["fork", "--checkpoint", "before-listen"]);
  expect(error).toBeUndefined();
  expect(stdout).toContain(`Session ${COPY} is a copy of ${SESSION}`);
  expect(stdout).toContain(`ringside gdb ${COPY}`);
  const asked = bed.asked.find(({ route }) => route.endsWith("/fork"));
  expect(asked?.body).toEqual({ checkpoint: "before-listen" });
  expect(asked?.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("without a checkpoint, the machine as it is now is copied", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`POST /v1/sessions/${SESSION}/fork`]: { value: copy, status: 202 },
    [`GET /v1/sessions/${COPY}`]: { value: copy },
  });
  const { stdout } = await bed.run(["--json", "fork", SESSION]);
  expect(JSON.parse(stdout)).toMatchObject({ id: COPY, forkedFrom: SESSION });
  expect(bed.asked.find(({ route }) => route.endsWith("/fork"))?.body).toEqual({});
});

test("a student with too many sessions is told to try later", async () => {
  await using bed = await startCommandBed({
    ...withSessions(aSession()),
    [`POST /v1/sessions/${SESSION}/fork`]: { error: "quota_exceeded" },
  });
  expect((await bed.run(["fork"])).error).toMatchObject({ exit: "try_later", code: "quota_exceeded" });
});
