import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  type Bed,
  type Call,
  isErrorBody,
  LAB,
  makeCourse,
  openBed,
  type Person,
  startSession,
  until,
} from "../testing/bed.ts";
import { type FakeCell, recordingOf, startFakeCell } from "../testing/fake-cell.ts";
import { announceRunner } from "../testing/runner.ts";

/**
 * Who gets what from whom: every route of the OpenAPI document, asked by everybody, about things of one student
 * (the owner). A route without a row fails. 404 hides what one may not know of; 403 says no to what one may.
 */
const WHO = ["nobody", "owner", "classmate", "stranger", "teacher", "otherTeacher", "admin"] as const;
type Who = (typeof WHO)[number];
type Row = Readonly<Record<Who, number>>;

const row = (...statuses: readonly [number, number, number, number, number, number, number]): Row =>
  Object.fromEntries(WHO.map((who, index) => [who, statuses[index]])) as unknown as Row;

const open = row(200, 200, 200, 200, 200, 200, 200);
const unknown = row(404, 404, 404, 404, 404, 404, 404);
const anyUser = (status: number) => row(401, status, status, status, status, status, status);
const staffOnly = row(401, 403, 403, 404, 200, 404, 200);

//                                          nobody owner mate stranger teacher otherT admin
const MATRIX: Readonly<Record<string, Row>> = {
  "GET /": open,
  "GET /healthz": open,
  "GET /readyz": open,
  "GET /metrics": open,
  "GET /v1/openapi.json": open,
  // Of a build-id that no image has.
  "GET /buildid/{buildId}/{artifact}": unknown,
  "HEAD /buildid/{buildId}/{artifact}": unknown,
  "GET /buildid/{buildId}/source/{*}": unknown,
  "HEAD /buildid/{buildId}/source/{*}": unknown,
  "GET /v1/me": anyUser(200),
  "POST /v1/courses": row(401, 403, 403, 403, 403, 403, 201),
  "GET /v1/courses": anyUser(200),
  "POST /v1/courses/{course}/members": staffOnly,
  "GET /v1/courses/{course}/members": staffOnly,
  "POST /v1/courses/{course}/labs": staffOnly,
  "GET /v1/courses/{course}/labs/{lab}/grades": staffOnly,
  "GET /v1/courses/{course}/labs/{lab}/progress": staffOnly,
  "GET /v1/courses/{course}/labs/{lab}/timeline": staffOnly,
  "POST /v1/courses/{course}/labs/{lab}/regrades": row(401, 403, 403, 404, 202, 404, 202),
  "GET /v1/courses/{course}/labs/{lab}/regrades": staffOnly,
  "GET /v1/courses/{course}/labs/{lab}/regrades/{id}": staffOnly,
  "GET /v1/courses/{course}/labs/{lab}/regrades/{id}/changes": staffOnly,
  "POST /v1/courses/{course}/labs/{lab}/regrades/{id}/apply": staffOnly,
  "POST /v1/tokens": row(401, 403, 403, 403, 403, 403, 201),
  "GET /v1/tokens": anyUser(200),
  "DELETE /v1/tokens/{id}": row(401, 404, 404, 404, 404, 404, 204),
  "GET /v1/labs": anyUser(200),
  "GET /v1/labs/{lab}": row(401, 200, 200, 404, 200, 404, 200),
  "POST /v1/sessions": row(401, 409, 202, 404, 202, 404, 202),
  "GET /v1/sessions": anyUser(200),
  "GET /v1/sessions/{id}": row(401, 200, 404, 404, 200, 404, 200),
  "POST /v1/sessions/{id}/tickets": row(401, 201, 404, 404, 201, 404, 201),
  "POST /v1/sessions/{id}/tcp-entry": row(401, 201, 404, 404, 201, 404, 201),
  "GET /v1/sessions/{id}/trace": row(401, 200, 404, 404, 200, 404, 200),
  "GET /v1/submissions/{id}": row(401, 200, 404, 404, 200, 404, 200),
  "GET /v1/submissions/{id}/trace": row(401, 200, 404, 404, 200, 404, 200),
  "GET /v1/submissions/{id}/recordings/{epoch}": row(401, 200, 404, 404, 200, 404, 200),
  "GET /v1/submissions/{id}/overrides": row(401, 403, 404, 404, 200, 404, 200),
  // For staff there is nothing to judge: the recording of this submission cannot be graded.
  "PUT /v1/submissions/{id}/overrides/{check}": row(401, 403, 404, 404, 409, 404, 409),
  "DELETE /v1/submissions/{id}/overrides/{check}": row(401, 403, 404, 404, 404, 404, 404),
  "GET /v1/templates/{sha256}": row(401, 200, 404, 404, 200, 404, 200),
  "GET /v1/cells": row(401, 403, 403, 403, 200, 200, 200),
  "GET /v1/seal-keys": anyUser(200),
  // Of a key that no cell has shown.
  "POST /v1/seal-keys/{key}/revoke": row(401, 403, 403, 403, 403, 403, 404),
  "GET /v1/sessions/{id}/answers": row(401, 200, 404, 404, 200, 404, 200),
  // Of a question that the lab does not ask.
  "PUT /v1/sessions/{id}/answers/{question}": row(401, 404, 404, 404, 403, 404, 403),
  "GET /v1/images/{digest}": anyUser(200),
  "GET /v1/images/{digest}/files/{key}": anyUser(200),
  // These change the session; below they are asked in this order, the owner last.
  "POST /v1/sessions/{id}/pause": row(401, 200, 404, 404, 200, 404, 200),
  "POST /v1/sessions/{id}/resume": row(401, 200, 404, 404, 200, 404, 200),
  "POST /v1/sessions/{id}/hibernate": row(401, 200, 404, 404, 403, 404, 403),
  "POST /v1/sessions/{id}/wake": row(401, 200, 404, 404, 200, 404, 200),
  "POST /v1/sessions/{id}/checkpoints": row(401, 201, 404, 404, 403, 404, 403),
  "GET /v1/sessions/{id}/checkpoints": row(401, 200, 404, 404, 200, 404, 200),
  "POST /v1/sessions/{id}/fork": row(401, 202, 404, 404, 202, 404, 202),
  "DELETE /v1/sessions/{id}/checkpoints/{name}": row(401, 204, 404, 404, 403, 404, 403),
  "POST /v1/sessions/{id}/checkpoints/{name}/restore": row(401, 202, 404, 404, 403, 404, 403),
  "POST /v1/sessions/{id}/reset": row(401, 202, 404, 404, 403, 404, 403),
  "POST /v1/sessions/{id}/submit": row(401, 202, 404, 404, 403, 404, 403),
  "DELETE /v1/sessions/{id}": row(401, 202, 404, 404, 202, 404, 202),
};

const TEMPLATE = "7e".repeat(32);
const OWNER_LAST: readonly Who[] = [...WHO.filter((who) => who !== "owner"), "owner"];

let bed: Bed;
let cell: FakeCell;
let people: Record<"owner" | "classmate" | "teacher", Person>;
let others: Record<"stranger" | "otherTeacher", Person>;
let routes: readonly string[];
let session: string;
let submitted: { readonly session: string; readonly submission: string };
let ownersToken: string;
let regrade: string;

let clock = 0;

async function reportReady(id: string, epoch: number): Promise<void> {
  clock += 1;
  await bed.report({ kind: "ready", session: id, epoch, cell: "cell-a", atMs: clock, how: "cold", startMs: 5 });
  await until(
    () => bed.admin("GET", `/v1/sessions/${id}`),
    ({ body }) => body.state === "ready",
  );
}

async function becomeReady(owner: Person): Promise<string> {
  const { id } = await startSession(owner);
  await bed.lease(id, 9);
  await reportReady(id, 1);
  cell.traces.set(id, Buffer.from("a trace\n"));
  return id;
}

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  people = await makeCourse(bed, "os-2026", { owner: "student", classmate: "student", teacher: "instructor" });
  others = await makeCourse(bed, "net-2026", { stranger: "student", otherTeacher: "instructor" });
  // The other course offers nothing: its people may not reach this course's lab through their own.
  await bed.api.core.database.courseLab.deleteMany({ where: { courseId: "net-2026" } });
  await announceRunner(bed.redis, bed.prefix, "cell-a");
  cell.before = async (errand) => {
    clock += 1;
    const base = { session, epoch: 1, cell: "cell-a", atMs: clock };
    if (errand.do === "hibernate") await bed.report({ ...base, kind: "hibernated", bytes: 7 });
    if (errand.do === "wake") await bed.report({ ...base, kind: "ready", how: "pool", startMs: 5 });
  };
  const first = await becomeReady(people.owner);
  cell.recordings.set(first, [recordingOf(1, "a log", TEMPLATE)]);
  cell.templates.set(TEMPLATE, Buffer.from("an archive"));
  const submission = (await people.owner.call("POST", `/v1/sessions/${first}/submit`)).body.id;
  submitted = { session: first, submission };
  session = await becomeReady(people.owner);
  ownersToken = (await people.owner.call("POST", "/v1/tokens", { body: { name: "laptop" } })).body.id;
  await until(
    () => people.owner.call("GET", `/v1/submissions/${submission}?wait_ms=10000`),
    ({ body }) => body.grade !== null,
  );
  const regrades = `/v1/courses/os-2026/labs/${LAB}/regrades`;
  regrade = (await people.teacher.call("POST", regrades, { body: {} })).body.id;
  await until(
    () => people.teacher.call("GET", `${regrades}/${regrade}?wait_ms=10000`),
    ({ body }) => body.state === "ready",
  );
  const { paths } = (await bed.as(null)("GET", "/v1/openapi.json")).body;
  routes = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}, 60_000);
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

function callOf(who: Who): Call {
  const calls: Record<Who, () => Call> = {
    nobody: () => bed.as(null),
    owner: () => people.owner.call,
    classmate: () => people.classmate.call,
    stranger: () => others.stranger.call,
    teacher: () => people.teacher.call,
    otherTeacher: () => others.otherTeacher.call,
    admin: () => bed.admin,
  };
  return calls[who]();
}

function bodyOf(route: string, who: Who): unknown {
  const bodies: Record<string, unknown> = {
    "POST /v1/courses": { course: "new-course", title: "New" },
    "POST /v1/courses/{course}/members": { members: [{ name: "New", studentNumber: "n1", role: "student" }] },
    "POST /v1/courses/{course}/labs": { lab: LAB },
    // Somebody else's, for all but an admin.
    "POST /v1/tokens": { name: "mine", user: who === "owner" ? people.classmate.id : people.owner.id },
    "POST /v1/sessions": { lab: LAB, course: "os-2026" },
    "POST /v1/sessions/{id}/tickets": { kind: "gdb" },
    "POST /v1/sessions/{id}/checkpoints": { name: "before-listen" },
    "POST /v1/sessions/{id}/fork": {},
    "PUT /v1/sessions/{id}/answers/{question}": { value: "128" },
    "POST /v1/seal-keys/{key}/revoke": {},
    "POST /v1/courses/{course}/labs/{lab}/regrades": {},
    "PUT /v1/submissions/{id}/overrides/{check}": { points: 1, reason: "seen in class" },
  };
  return bodies[route];
}

function pathOf(route: string, who: Who): string {
  const path = route.slice(route.indexOf(" ") + 1);
  const id = (() => {
    if (path.startsWith("/v1/submissions")) return submitted.submission;
    if (path.includes("/regrades/")) return regrade;
    // One's own token one may delete; what is asked for is another's.
    if (path.startsWith("/v1/tokens")) return who === "owner" ? `tok_${"0".repeat(20)}` : ownersToken;
    return session;
  })();
  const values: Record<string, string> = {
    course: "os-2026",
    lab: LAB,
    digest: bed.image.digest,
    key: route.includes("/seal-keys/") ? "ab".repeat(32) : "symbols",
    question: "clamp",
    buildId: "0f".repeat(20),
    artifact: "debuginfo",
    epoch: "1",
    check: "attached",
    sha256: TEMPLATE,
    // What is deleted is not what is restored afterwards.
    name: route.startsWith("DELETE") ? "scratch" : "before-listen",
    id,
  };
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? "missing");
  return path.endsWith("/timeline") ? `${filled}?user=${people.owner.id}` : filled;
}

const NEEDS_KEY = new Set(["POST /v1/sessions", "POST /v1/sessions/{id}/fork"]);

describe("every route for everybody", () => {
  it("has a row for each route of the document, and for no other", () => {
    expect([...routes].sort()).toEqual(Object.keys(MATRIX).sort());
    expect(routes.length).toBeGreaterThanOrEqual(30);
  });

  it("is in the document for each route that the server has", () => {
    const served = bed.api.app
      .printRoutes({ commonPrefix: false, includeHooks: false })
      .split("\n")
      .filter((line) => line.includes("("));
    const methods = served.flatMap((line) => /\(([^)]+)\)/.exec(line)?.[1]?.split(", ") ?? []);
    expect(methods.length).toBe(routes.length);
  });

  it.each(Object.keys(MATRIX))("%s", async (route) => {
    if (route === "POST /v1/sessions/{id}/reset") {
      await reportReady(session, 2);
    }
    for (const who of OWNER_LAST) {
      const [method = "", path = ""] = route.split(" ");
      const headers = NEEDS_KEY.has(route) ? { "idempotency-key": `${path}-${who}` } : {};
      const body = bodyOf(route, who);
      const reply = await callOf(who)(method, pathOf(route, who), { headers, ...(body === undefined ? {} : { body }) });
      expect(`${who} ${reply.status} ${reply.status >= 300 ? reply.body?.code : ""}`).toMatch(
        new RegExp(`^${who} ${MATRIX[route]?.[who]} `),
      );
      if (reply.status >= 400 && method !== "HEAD") {
        expect(isErrorBody(reply.body), reply.text).toBe(true);
      }
    }
  });
});

describe("lists", () => {
  it("show a student their own sessions, a teacher their course's, an admin all", async () => {
    const seen = async (call: Call) =>
      (await call("GET", "/v1/sessions")).body.sessions.map(({ user }: { user: string }) => user);
    expect(new Set(await seen(people.owner.call))).toEqual(new Set([people.owner.id]));
    expect(new Set(await seen(others.stranger.call))).toEqual(new Set());
    expect(new Set(await seen(others.otherTeacher.call))).toEqual(new Set());
    expect(new Set(await seen(people.teacher.call))).toContain(people.owner.id);
    expect(new Set(await seen(bed.admin))).toContain(people.owner.id);
  });

  it("cannot be walked from a session that one may not know of", async () => {
    expect(await others.stranger.call("GET", `/v1/sessions?before=${session}`)).toMatchObject({ status: 404 });
    expect((await people.owner.call("GET", `/v1/sessions?before=${session}`)).body.sessions).toHaveLength(1);
  });

  it("give an unknown id and a foreign one the same answer", async () => {
    const unknown = await others.stranger.call("GET", `/v1/sessions/ses_${"0".repeat(20)}`);
    const foreign = await others.stranger.call("GET", `/v1/sessions/${submitted.session}`);
    expect({ ...foreign.body, requestId: "" }).toEqual({ ...unknown.body, requestId: "" });
  });
});

describe("ids in paths", () => {
  it.each(["..", "%2e%2e%2f", "ses_..%2f..%2fetc", "SES_00000000000000000000", `ses_${"0".repeat(19)}`, "%00", "%ff"])(
    "that are malformed (%s) are 400 or 404",
    async (id) => {
      for (const path of [`/v1/sessions/${id}`, `/v1/submissions/${id}`, `/v1/images/${id}`]) {
        const reply = await bed.admin("GET", path);
        expect([400, 404]).toContain(reply.status);
        expect(isErrorBody(reply.body)).toBe(true);
      }
    },
  );

  it("that are very long are refused", async () => {
    const reply = await bed.admin("GET", `/v1/sessions/${"a".repeat(5_000)}`);
    expect([400, 404, 414]).toContain(reply.status);
    expect(isErrorBody(reply.body)).toBe(true);
  });

  it("never reach the store's folders", () => {
    expect(readdirSync(bed.dataDir)).toEqual(["compressed", "recordings", "sources", "templates", "traces"]);
  });
});
