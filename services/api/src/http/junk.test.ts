import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { bearerTokenSchema } from "@ringside/shared";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { BODY_BYTES_MAX, HEADER_BYTES_MAX } from "../limits.ts";
import { type Bed, isErrorBody, makeCourse, openBed, type Person } from "../testing/bed.ts";

let bed: Bed;
let tom: Person;
const logged: string[] = [];

beforeAll(async () => {
  bed = await openBed({
    databaseUrl: inject("databaseUrl"),
    redisUrl: inject("redisUrl"),
    onLog: (line) => logged.push(line),
  });
  ({ tom } = await makeCourse(bed, "os-2026", { tom: "instructor" }));
  await bed.api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => bed[Symbol.asyncDispose]());

const JSON_TYPE = { "content-type": "application/json" };
const send = (body: string | Buffer, headers: Record<string, string> = JSON_TYPE) =>
  bed.admin("POST", "/v1/courses", { body, headers });

describe("a body", () => {
  it.each<[string, string, Record<string, string>, number, string]>([
    ["that is no JSON", "{", JSON_TYPE, 400, "bad_request"],
    ["that is empty", "", JSON_TYPE, 400, "bad_request"],
    ["that is null", "null", JSON_TYPE, 400, "bad_request"],
    ["with __proto__", '{"__proto__": {"x": 1}, "course": "a", "title": "a"}', JSON_TYPE, 400, "bad_request"],
    ["with constructor.prototype", '{"constructor": {"prototype": {}}}', JSON_TYPE, 400, "bad_request"],
    ["with unknown members", '{"course": "a", "title": "a", "admin": true}', JSON_TYPE, 400, "bad_request"],
    ["that is deeply nested", "[".repeat(200_000) + "]".repeat(200_000), JSON_TYPE, 400, "bad_request"],
    [
      "that is nested in a member",
      `{"title": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      JSON_TYPE,
      400,
      "bad_request",
    ],
    ["that is too large", `{"title": "${"x".repeat(BODY_BYTES_MAX)}"}`, JSON_TYPE, 413, "payload_too_large"],
    ["of another type", "<a/>", { "content-type": "text/xml" }, 415, "unsupported_media_type"],
    ["of no type", "x", { "content-type": "nonsense" }, 415, "unsupported_media_type"],
    ["as a form", "course=a", { "content-type": "application/x-www-form-urlencoded" }, 415, "unsupported_media_type"],
  ])("%s is refused", async (_what, body, headers, status, code) => {
    const reply = await send(body, headers);
    expect(reply).toMatchObject({ status, body: { code } });
    expect(isErrorBody(reply.body)).toBe(true);
  });

  it("with a mistake is answered with the place and what is wrong there", async () => {
    const reply = await bed.admin("POST", "/v1/courses/os-2026/members", {
      body: { members: [{ name: "A", studentNumber: "not a number!", role: "king" }] },
    });
    expect(reply.body.details.issues.map(({ path }: { path: string }) => path)).toEqual([
      "body/members/0/studentNumber",
      "body/members/0/role",
    ]);
  });

  it("with a member twice takes the last, as JSON.parse does, and checks it", async () => {
    expect((await send('{"course": "ok-1", "course": "../", "title": "a"}')).status).toBe(400);
  });
});

describe("junk of any kind", () => {
  const places = fc.constantFrom(
    ["POST", "/v1/courses"],
    ["POST", "/v1/courses/os-2026/members"],
    ["POST", "/v1/courses/os-2026/labs"],
    ["POST", "/v1/tokens"],
    ["POST", "/v1/sessions"],
    ["POST", "/v1/sessions/ses_00000000000000000000/tickets"],
    ["POST", "/v1/sessions/ses_00000000000000000000/reset"],
  );

  it("is never a 500, as JSON", async () => {
    await fc.assert(
      fc.asyncProperty(places, fc.jsonValue(), async ([method = "", path = ""], value) => {
        const headers = { ...JSON_TYPE, "idempotency-key": "k" };
        const reply = await tom.call(method, path, { body: JSON.stringify(value), headers });
        expect(reply.status).toBeLessThan(500);
        expect(reply.status < 300 || isErrorBody(reply.body)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it("is never a 500, as bytes, paths and queries", async () => {
    const junk = fc.string({ unit: "binary", maxLength: 60 }).map((text) => encodeURIComponent(text.toWellFormed()));
    await fc.assert(
      fc.asyncProperty(junk, junk, fc.uint8Array({ maxLength: 200 }), async (part, query, bytes) => {
        const replies = [
          await tom.call("GET", `/v1/sessions/${part}`),
          await tom.call("GET", `/v1/sessions?limit=${query}&before=${part}&state=${query}`),
          await tom.call("GET", `/v1/images/${part}/files/${query}`),
          await tom.call("POST", "/v1/sessions", { body: Buffer.from(bytes), headers: JSON_TYPE }),
          await tom.call("GET", "/v1/me", { headers: { authorization: `Bearer ${part}` } }),
        ];
        for (const reply of replies) {
          expect(reply.status).toBeLessThan(500);
          expect(reply.status < 300 || isErrorBody(reply.body)).toBe(true);
        }
      }),
      { numRuns: 80 },
    );
  });

  it("of a very large number in a query is refused", async () => {
    expect((await tom.call("GET", "/v1/sessions?limit=1e309")).status).toBe(400);
    expect((await tom.call("GET", `/v1/sessions/ses_${"0".repeat(20)}?wait_ms=-1`)).status).toBe(400);
  });
});

describe("what is no HTTP request", () => {
  async function raw(text: string): Promise<string> {
    const { port } = bed.api.app.server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", () => undefined);
    socket.write(text);
    await once(socket, "close");
    return answer;
  }

  it.each([
    ["nonsense", "nonsense\r\n\r\n", "400 "],
    ["headers above the limit", `GET / HTTP/1.1\r\nhost: x\r\na: ${"x".repeat(2 * HEADER_BYTES_MAX)}\r\n\r\n`, "431 "],
    ["a bad path", "GET /v1/sessions/%c3%28 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "400 "],
    ["two lengths", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400 "],
  ])("%s is answered in the form of all errors", async (_what, text, status) => {
    const answer = await raw(text);
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(isErrorBody(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)))).toBe(true);
  });
});

describe("answers", () => {
  it("carry the request's id, which the log has too, and no stack", async () => {
    const reply = await send("{");
    expect(reply.headers["x-request-id"]).toBe(reply.body.requestId);
    expect(logged.some((line) => line.includes(reply.body.requestId) && line.includes("bad_request"))).toBe(true);
    expect(reply.text).not.toMatch(/\bat .*\.ts:|node_modules/);
  });

  it("carry helmet's headers and allow a page nothing", async () => {
    const { headers, text } = await bed.as(null)("GET", "/");
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(text).toContain("/v1/openapi.json");
  });

  it("of unknown paths are 404 in the same form", async () => {
    for (const path of ["/nothing", "/v1/nothing", "/v1/sessions/a/b/c/d", "//", "/v1/../etc/passwd"]) {
      const reply = await bed.as(null)("GET", path);
      expect(reply.status).toBe(404);
      expect(isErrorBody(reply.body)).toBe(true);
    }
  });
});

describe("tokens", () => {
  it.each([
    ["missing", undefined],
    ["empty", ""],
    ["of another scheme", "Basic YTpi"],
    ["without a value", "Bearer"],
    ["malformed", "Bearer rs_short"],
    ["unknown", `Bearer rs_${"a".repeat(43)}`],
    ["a JWT with alg none", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."],
  ])("that are %s are 401", async (_what, authorization) => {
    const reply = await bed.as(null)("GET", "/v1/me", {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(reply).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(reply.headers["www-authenticate"]).toBe("Bearer");
  });

  it("end when they expire and at once when they are deleted", async () => {
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const made = (await tom.call("POST", "/v1/tokens", { body: { name: "laptop", expiresAt } })).body;
    expect(bearerTokenSchema.safeParse(made.token).success).toBe(true);
    const call = bed.as(made.token);
    expect((await call("GET", "/v1/me")).body.user.id).toBe(tom.id);
    await bed.api.core.database.token.update({ where: { id: made.id }, data: { expiresAt: new Date() } });
    expect((await call("GET", "/v1/me")).status).toBe(401);
    await bed.api.core.database.token.update({ where: { id: made.id }, data: { expiresAt: null } });
    expect((await call("GET", "/v1/me")).status).toBe(200);
    expect((await tom.call("DELETE", `/v1/tokens/${made.id}`)).status).toBe(204);
    expect((await call("GET", "/v1/me")).status).toBe(401);
  });

  it("cannot be made to have expired already", async () => {
    const body = { name: "old", expiresAt: new Date(0).toISOString() };
    expect((await tom.call("POST", "/v1/tokens", { body })).status).toBe(400);
  });

  it("stand in no log line and in no row", async () => {
    const secrets = [bed.adminToken, tom.token];
    expect(logged.length).toBeGreaterThan(100);
    for (const secret of secrets) {
      expect(logged.some((line) => line.includes(secret))).toBe(false);
    }
    const rows = await bed.api.core.database.token.findMany();
    expect(JSON.stringify(rows)).not.toContain(tom.token);
  });

  it("that are guessed at are slowed down, for the guesser alone", async () => {
    const guess = () => bed.as(`rs_${"b".repeat(43)}`)("GET", "/v1/me");
    const replies = await Promise.all(Array.from({ length: 150 }, guess));
    const limited = replies.filter((reply) => reply.status === 429);
    expect(limited.length).toBeGreaterThan(0);
    expect(limited[0]?.body.code).toBe("rate_limited");
    expect(Number(limited[0]?.headers["retry-after"])).toBeGreaterThan(0);
    expect((await tom.call("GET", "/v1/me")).status).toBe(200);
  });
});
