import { cellProxyKey, type GradeResult } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { gradeSubmission } from "../grades/grade-submission.ts";
import { type Bed, makeCourse, openBed, type Person, until } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { type Recorded, recordedSession, recordSession } from "../testing/recorded.ts";
import { newSigner, TEST_SIGNER } from "../testing/signer.ts";

let bed: Bed;
let cell: FakeCell;
let ann: Person;
let tom: Person;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  ({ ann, tom } = await makeCourse(bed, "os-2026", { ann: "student", tom: "instructor" }));
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

const recorded = (given: Recorded) => recordedSession(bed, cell, ann, (session) => recordSession(session, given));
const submit = (id: string) => ann.call("POST", `/v1/sessions/${id}/submit`);
const gradeOf = async (submission: string): Promise<GradeResult> =>
  (
    await until(
      () => ann.call("GET", `/v1/submissions/${submission}?wait_ms=30000`),
      ({ body }) => body.grade !== null,
    )
  ).body.grade;
/** Has the grader look at a submission once more. */
async function regrade(id: string): Promise<GradeResult> {
  const { database, labs, images, traces, sealKeys } = bed.api.core;
  let result = "";
  const grader = async (input: Parameters<typeof import("../grades/grade-file.ts").gradeFile>[0]) => {
    result = await (await import("../grades/grade-file.ts")).gradeFile(input);
    return result;
  };
  await database.grade.deleteMany({ where: { submissionId: id } });
  const options = { database, labs, images, traces, sealKeys, grader, onGraded: () => undefined };
  await gradeSubmission(options, id, new AbortController().signal);
  return JSON.parse(result);
}
const announce = (sealKey: { key: string; publicKey: string }) =>
  bed.redis.set(cellProxyKey(bed.prefix, "cell-a"), JSON.stringify({ ...cell.proxy, sealKey }));
const plain = ({ key, publicKey }: ReturnType<typeof newSigner>) => ({ key, publicKey });

describe("a submission's signature", () => {
  it("is its cell's, and the key is written down when it is first seen", async () => {
    const { id } = await recorded({});
    const { status, body } = await submit(id);
    expect(status).toBe(202);
    expect(await gradeOf(body.id)).toMatchObject({ outcome: "graded", points: 4 });
    const { keys } = (await ann.call("GET", "/v1/seal-keys")).body;
    expect(keys).toEqual([{ cell: "cell-a", ...plain(TEST_SIGNER), firstSeen: expect.any(String), revokedFrom: null }]);
    const audit = await bed.api.core.database.auditRow.findMany({ where: { action: "cell.key_seen" } });
    expect(audit).toMatchObject([{ subject: "cell-a", actorId: null, details: { key: TEST_SIGNER.key, others: 0 } }]);
  });

  it.each([
    ["missing", null, "not signed by the cell"],
    ["of a key that the cell has not shown", newSigner(), "a key that no cell has shown"],
    ["of another key with the cell's name", { ...newSigner(), key: TEST_SIGNER.key }, "signature is wrong"],
  ])("that is %s is refused, and the session goes on", async (_, signer, words) => {
    const { id } = await recorded({ signer });
    const reply = await submit(id);
    expect(reply).toMatchObject({ status: 422, body: { code: "trace_damaged" } });
    expect(reply.body.message).toContain(words);
    expect((await ann.call("GET", `/v1/sessions/${id}`)).body.state).toBe("ready");
    cell.traces.set(id, await recordSession((await ann.call("GET", `/v1/sessions/${id}`)).body));
    expect((await submit(id)).status).toBe(202);
  });

  it("may be of a new key of the cell; both stay good", async () => {
    const fresh = newSigner();
    await announce(plain(fresh));
    const first = await recorded({ signer: fresh });
    expect((await submit(first.id)).status).toBe(202);
    await announce(plain(TEST_SIGNER));
    const second = await recorded({ signer: fresh });
    const { status, body } = await submit(second.id);
    expect(status).toBe(202);
    expect((await gradeOf(body.id)).outcome).toBe("graded");
  });

  it("does not count from the moment on at which its key is revoked; what was there before does", async () => {
    const fresh = newSigner();
    await announce(plain(fresh));
    const before = (await submit((await recorded({ signer: fresh })).id)).body.id;
    expect((await gradeOf(before)).outcome).toBe("graded");
    const path = `/v1/seal-keys/${fresh.key}/revoke`;
    expect((await tom.call("POST", path, { body: {} })).status).toBe(403);
    const revoked = await bed.admin("POST", path, { body: {} });
    expect(revoked).toMatchObject({
      status: 200,
      body: { keys: [{ key: fresh.key, revokedFrom: expect.any(String) }] },
    });
    const after = await recorded({ signer: fresh });
    expect(await submit(after.id)).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining("revoked") },
    });
    await ann.call("DELETE", `/v1/sessions/${after.id}`);
    await announce(plain(TEST_SIGNER));
    expect((await regrade(before)).outcome).toBe("graded");
    await bed.admin("POST", path, { body: { from: "2026-01-01T00:00:00.000Z" } });
    const again = await regrade(before);
    expect(again).toMatchObject({ outcome: "ungradable", ungradable: { en: expect.stringContaining("revoked") } });
  });

  it("is not asked of what was handed in before cells signed", async () => {
    const { id } = await recorded({});
    const submission = (await submit(id)).body.id;
    await gradeOf(submission);
    const { database } = bed.api.core;
    await database.cellKey.deleteMany();
    expect((await regrade(submission)).outcome).toBe("ungradable");
    await database.submission.update({ where: { id: submission }, data: { signatureWanted: false } });
    expect((await regrade(submission)).outcome).toBe("graded");
  });
});
