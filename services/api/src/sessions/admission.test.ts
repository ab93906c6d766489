import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { QUEUE_RETRY_SECONDS_MAX, QUEUE_RETRY_SECONDS_MIN } from "../limits.ts";
import { type Bed, LAB, makeCourse, openBed, type Person, startSession } from "../testing/bed.ts";
import { LAB_YAML, writeLab } from "../testing/files.ts";
import { queueRetrySeconds } from "./admission.ts";

const NAMES = ["ann", "bob", "cem", "dee", "eve"] as const;
let bed: Bed;
let people: Record<(typeof NAMES)[number], Person>;

beforeAll(async () => {
  bed = await openBed({
    databaseUrl: inject("databaseUrl"),
    redisUrl: inject("redisUrl"),
    bounds: { perUser: 2, live: 4, queued: 3 },
  });
  people = await makeCourse(bed, "os-2026", Object.fromEntries(NAMES.map((name) => [name, "student"])) as never);
});
afterAll(() => bed[Symbol.asyncDispose]());
afterEach(async () => {
  for (const session of (await bed.admin("GET", "/v1/sessions?state=live")).body.sessions) {
    await bed.admin("DELETE", session.links.self);
  }
});

const post = (person: Person, lab = LAB) =>
  person.call("POST", "/v1/sessions", { body: { lab }, headers: { "idempotency-key": crypto.randomUUID() } });
const set = (id: string, state: "ready" | "hibernated") =>
  bed.api.core.database.session.update({ where: { id }, data: { state } });
const positionOf = async (person: Person, id: string) =>
  (await person.call("GET", `/v1/sessions/${id}`)).body.queuePosition;

describe("the queue", () => {
  it("shows each who waits their position, and moves on", async () => {
    const first = await startSession(people.ann);
    const second = await startSession(people.bob);
    const third = await startSession(people.cem);
    expect([first, second, third].map(({ queuePosition }) => queuePosition)).toEqual([1, 2, 3]);
    const { body } = await bed.admin("GET", "/v1/sessions?state=live");
    expect(body.sessions.map((one: { queuePosition: number }) => one.queuePosition)).toEqual([3, 2, 1]);
    await set(first.id, "ready");
    expect(await positionOf(people.ann, first.id)).toBeNull();
    expect(await positionOf(people.bob, second.id)).toBe(1);
    expect(await positionOf(people.cem, third.id)).toBe(2);
  });

  it("turns away who does not fit in, and says when to come back", async () => {
    for (const person of [people.ann, people.bob, people.cem]) await startSession(person);
    const reply = await post(people.dee);
    expect(reply).toMatchObject({ status: 429, body: { code: "queue_full", details: { queued: 3 } } });
    const seconds = Number(reply.headers["retry-after"]);
    expect(seconds).toBeGreaterThanOrEqual(QUEUE_RETRY_SECONDS_MIN);
    expect(seconds).toBeLessThanOrEqual(QUEUE_RETRY_SECONDS_MAX);
  });

  it("asks for no longer waits than it must: shorter where it is shorter or faster", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), fc.nat(500), (queued, starts, more) => {
        const seconds = queueRetrySeconds(queued, starts);
        expect(seconds).toBeGreaterThanOrEqual(QUEUE_RETRY_SECONDS_MIN);
        expect(seconds).toBeLessThanOrEqual(QUEUE_RETRY_SECONDS_MAX);
        expect(queueRetrySeconds(queued, starts + more)).toBeLessThanOrEqual(seconds);
        expect(queueRetrySeconds(queued + more, starts)).toBeGreaterThanOrEqual(seconds);
      }),
    );
    expect(queueRetrySeconds(300, 60)).toBe(30);
    expect(queueRetrySeconds(0, 0)).toBe(QUEUE_RETRY_SECONDS_MIN);
  });
});

describe("the server's limit", () => {
  it("counts machines and those who wait for one, not those that sleep", async () => {
    const ids: string[] = [];
    for (const person of [people.ann, people.bob, people.cem, people.dee]) {
      const { id } = await startSession(person);
      await set(id, "ready");
      ids.push(id);
    }
    expect(await post(people.eve)).toMatchObject({ status: 503, body: { code: "no_capacity" } });
    await set(ids[0] ?? "", "hibernated");
    expect((await post(people.eve)).status).toBe(202);
  });
});

describe("a lab's own limit", () => {
  it("holds over all students, and says which lab", async () => {
    await writeLab(bed.labsDir, "small", LAB_YAML.replace("memory_mib: 64", "memory_mib: 64, sessions: 1"));
    await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab: "small" } });
    expect((await post(people.ann, "small")).status).toBe(202);
    const reply = await post(people.bob, "small");
    expect(reply).toMatchObject({ status: 429, body: { code: "quota_exceeded" } });
    expect(reply.body.message).toContain("small has 1 open sessions");
    expect((await post(people.bob)).status).toBe(202);
  });
});

describe("what a lab says of its machines", () => {
  it("goes into the session, and what cannot be saved never hibernates by itself", async () => {
    const limits = "memory_mib: 64, cpu_percent: 30, idle_minutes: 7";
    const own = LAB_YAML.replace(/^hints:.*\n/m, "").replace("memory_mib: 64", limits);
    await writeLab(bed.labsDir, "plain", own);
    const more = "record: true\ndebugger: { on_disconnect: stay }\nhints: [{ en: Look., zh: 看。 }]\n";
    await writeLab(bed.labsDir, "taped", `${own}${more}`);
    await writeLab(bed.labsDir, "boot", `${own}machine: { start: power_on }\n`);
    for (const lab of ["plain", "taped", "boot"])
      await bed.admin("POST", "/v1/courses/os-2026/labs", { body: { lab } });
    const { id: plain } = (await post(people.ann, "plain")).body;
    const taped = (await post(people.ann, "taped")).body;
    const boot = (await post(people.bob, "boot")).body;
    const row = (id: string) => bed.api.core.database.session.findUniqueOrThrow({ where: { id } });
    expect(await row(plain)).toMatchObject({ record: false, cpuPercent: 30, idleMinutes: 7, onDisconnect: "run" });
    expect(await row(taped.id)).toMatchObject({ record: true, cpuPercent: 30, idleMinutes: 0, onDisconnect: "stay" });
    expect((await row(plain)).hints).toEqual([]);
    expect((await row(taped.id)).hints).toEqual([{ en: "Look.", zh: "看。" }]);
    expect(await row(boot.id)).toMatchObject({ idleMinutes: 0, machineStart: "power_on" });
    expect(await row(plain)).toMatchObject({ machineStart: "prompt" });

    expect(taped.record).toBe(true);
  });
});
