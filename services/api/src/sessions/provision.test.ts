import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { START_QUEUE, startJobId, startJobSchema } from "@ringside/shared";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { SESSIONS_PER_USER_MAX } from "../limits.ts";
import { type Bed, LAB, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { writeLab } from "../testing/files.ts";
import { deriveParameters } from "./parameters.ts";

let bed: Bed;
let people: Record<"ann" | "bob" | "cem" | "dee" | "eve" | "fay" | "gus", Person>;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  people = await makeCourse(bed, "os-2026", {
    ann: "student",
    bob: "student",
    cem: "student",
    dee: "student",
    eve: "student",
    fay: "student",
    gus: "student",
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

const post = (person: Person, key: string | null, body: unknown = { lab: LAB }) =>
  person.call("POST", "/v1/sessions", { body, headers: key === null ? {} : { "idempotency-key": key } });

describe("POST /v1/sessions", () => {
  it("makes exactly one session of 20 identical requests at the same moment", async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, () => post(people.ann, "same-key")));
    expect(replies.map((reply) => reply.status)).toEqual(Array(20).fill(202));
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
    expect(await bed.api.core.database.session.count({ where: { userId: people.ann.id } })).toBe(1);
    expect(await bed.api.core.database.auditRow.count({ where: { actorId: people.ann.id } })).toBe(1);
  });

  it("lets one of 20 different requests at the same moment through and names it to the others", async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => post(people.bob, `key-${n}`)));
    const [made, ...others] = replies.filter((reply) => reply.status === 202);
    expect(others).toEqual([]);
    const refused = replies.filter((reply) => reply.status === 409);
    expect(refused).toHaveLength(19);
    for (const { body } of refused) {
      expect(body).toMatchObject({ code: "conflict", details: { session: made?.body.id } });
    }
  });

  it("refuses a key that was used for another body", async () => {
    await startSession(people.cem, "cem-1");
    const reply = await post(people.cem, "cem-1", { lab: LAB, course: "os-2026" });
    expect(reply).toMatchObject({ status: 422, body: { code: "idempotency_mismatch" } });
  });

  it("keeps the keys of two people apart", async () => {
    const first = await startSession(people.dee, "shared-key");
    const second = await startSession(people.eve, "shared-key");
    expect(second.id).not.toBe(first.id);
    expect(second.user).toBe(people.eve.id);
  });

  it.each([null, "", "with space", "x".repeat(201), "é"])("needs a plain Idempotency-Key: %j", async (key) => {
    expect(await post(people.fay, key)).toMatchObject({ status: 400, body: { code: "bad_request" } });
  });

  it("answers a repeated request with its session even when the lab has gone", async () => {
    await writeLab(bed.labsDir, "short-lived");
    await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab: "short-lived" } });
    const first = await post(people.gus, "gus-1", { lab: "short-lived" });
    await rm(join(bed.labsDir, "short-lived"), { recursive: true });
    const again = await post(people.gus, "gus-1", { lab: "short-lived" });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body.id).toBe(first.body.id);
    expect(await post(people.fay, "fay-1", { lab: "short-lived" })).toMatchObject({ status: 404 });
  });

  it("lets a stopped session be followed by a new one, up to so many labs at a time", async () => {
    const session = await startSession(people.fay);
    expect((await people.fay.call("DELETE", session.links.self)).body).toMatchObject({
      state: "ended",
      reason: "stopped",
    });
    for (let lab = 0; lab < SESSIONS_PER_USER_MAX; lab += 1) {
      await writeLab(bed.labsDir, `lab-${lab}`);
      await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab: `lab-${lab}` } });
      expect((await post(people.fay, `fay-lab-${lab}`, { lab: `lab-${lab}` })).status).toBe(202);
    }
    const refused = await post(people.fay, randomBytes(6).toString("hex"));
    expect(refused).toMatchObject({ status: 429, body: { code: "quota_exceeded" } });
    expect(refused.headers["retry-after"]).toBe("15");
  });

  it("says which course where several offer the lab", async () => {
    const other = await makeCourse(bed, "os-2027", { zoe: "student" });
    await bed.admin("POST", "/v1/courses/os-2026/members", {
      body: { members: [{ name: "zoe", studentNumber: "os2027zoe", role: "student" }] },
    });
    const reply = await post(other.zoe, "zoe-1");
    expect(reply).toMatchObject({ status: 400, body: { details: { courses: ["os-2026", "os-2027"] } } });
    expect((await post(other.zoe, "zoe-2", { lab: LAB, course: "os-2027" })).body.course).toBe("os-2027");
  });

  it("is 503 where the lab's image is not built", async () => {
    await writeLab(bed.labsDir, "no-image", "title: {en: a, zh: a}\nsummary: {en: a, zh: a}\nimage: not-built\n");
    await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab: "no-image" } });
    const reply = await post(people.gus, "gus-2", { lab: "no-image" });
    expect(reply).toMatchObject({ status: 503, body: { code: "image_missing" } });
    expect(reply.headers["retry-after"]).toBe("60");
  });
});

describe("the start job", () => {
  it("is in the queue under the session's id and epoch, with the student's own parameters", async () => {
    const [session] = (await people.ann.call("GET", "/v1/sessions")).body.sessions;
    await until(
      () => people.ann.call("GET", session.links.self),
      (reply) => reply.body.state === "queued",
    );
    const queue = new Queue(START_QUEUE, { connection: bed.redis, prefix: bed.prefix });
    const job = await queue.getJob(startJobId({ session: session.id, epoch: 1 }));
    await queue.close();
    const course = await bed.api.core.database.course.findUniqueOrThrow({ where: { id: "os-2026" } });
    const { file } = await bed.api.core.labs.load(LAB);
    const seed = { secret: course.secret, user: people.ann.id, studentNumber: "os2026ann", lab: LAB };
    expect(startJobSchema.parse(job?.data)).toMatchObject({
      session: session.id,
      user: people.ann.id,
      image: bed.image.digest,
      memoryMib: 64,
      parameters: deriveParameters(seed, file.parameters),
      hints: [{ en: "Set a breakpoint.", zh: "设置断点。" }],
    });
    expect(session.parameters).toEqual(deriveParameters(seed, file.parameters));
  });
});
