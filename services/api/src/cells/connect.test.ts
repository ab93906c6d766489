import { PROXY_PATHS, TICKET_AUDIENCE, TICKET_ISSUER, TICKET_TTL_SECONDS, ticketClaimsSchema } from "@ringside/shared";
import { jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { type FakeCell, startFakeCell } from "../testing/fake-cell.ts";
import { LOAD } from "../testing/runner.ts";

let bed: Bed;
let cell: FakeCell;
let ann: Person;
let tom: Person;
let id: string;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  cell = await startFakeCell(bed.redis, bed.prefix, "cell-a", bed.ticketKey);
  ({ ann, tom } = await makeCourse(bed, "os-2026", { ann: "student", tom: "instructor" }));
  ({ id } = await startSession(ann));
});
afterEach(() => {
  cell.fault = "none";
});
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

const ticket = (person: Person, body: unknown = { kind: "gdb" }) =>
  person.call("POST", `/v1/sessions/${id}/tickets`, { body });
const tcpEntry = (person: Person) => person.call("POST", `/v1/sessions/${id}/tcp-entry`);

describe("connecting", () => {
  it("waits until the machine is ready", async () => {
    const reply = await ticket(ann);
    expect(reply).toMatchObject({ status: 409, body: { code: "session_not_ready" } });
    expect(reply.headers["retry-after"]).toBe("1");
    await bed.lease(id);
    await bed.report({ kind: "ready", session: id, epoch: 1, cell: "cell-a", atMs: 1, how: "cold", startMs: 5 });
    await until(
      () => ticket(ann),
      ({ status }) => status === 201,
    );
  });

  it("gets a student a driver's ticket, signed, short-lived and for this session alone", async () => {
    const { body } = await ticket(ann);
    expect(body.role).toBe("driver");
    expect(body.url).toBe(cell.proxy.publicUrl + PROXY_PATHS.gdb(id));
    expect(body.url).not.toContain(body.ticket);
    const options = { issuer: TICKET_ISSUER, audience: TICKET_AUDIENCE, algorithms: ["EdDSA"] };
    const { payload } = await jwtVerify(body.ticket, bed.ticketKey, options);
    const claims = ticketClaimsSchema.parse(payload);
    expect(claims).toMatchObject({ sub: ann.id, sid: id, cell: "cell-a", kind: "gdb", role: "driver" });
    expect(claims.exp - (payload.iat ?? 0)).toBe(TICKET_TTL_SECONDS);
    expect(body.expiresAt).toBe(new Date(claims.exp * 1_000).toISOString());
    const { body: second } = await ticket(ann);
    expect(second.ticket).not.toBe(body.ticket);
  });

  it("gives each what their role allows", async () => {
    const role = async (person: Person, asked?: string) => {
      const { status, body } = await ticket(person, { kind: "console", ...(asked ? { role: asked } : {}) });
      return status === 201 ? body.role : status;
    };
    expect(await role(ann)).toBe("driver");
    expect(await role(ann, "observer")).toBe("observer");
    expect(await role(ann, "instructor")).toBe(403);
    expect(await role(tom)).toBe("instructor");
    expect(await role(tom, "observer")).toBe("observer");
    expect(await role(tom, "driver")).toBe(403);
    expect(await role(ann, "king")).toBe(400);
  });

  it("gives no ticket for the api's own errands", async () => {
    for (const kind of ["seal", "trace", "tcp-entry", "machine"]) {
      expect((await ticket(ann, { kind })).status).toBe(400);
    }
  });

  it("leaves a line in the audit for each ticket", async () => {
    const where = { action: "session.ticket", subject: id };
    const before = await bed.api.core.database.auditRow.count({ where });
    await ticket(tom);
    expect(await bed.api.core.database.auditRow.count({ where })).toBe(before + 1);
  });

  it("opens a TCP port for the caller's own address", async () => {
    const reply = await tcpEntry(ann);
    // The fake cell says so only where the source was 127.0.0.1.
    expect(reply).toMatchObject({ status: 201, body: { host: "cell.example", port: 4_000 } });
    expect(cell.errands.at(-1)).toBe(`tcp-entry ${id}`);
  });

  it("passes on that another debugger is attached", async () => {
    cell.fault = "busy";
    expect(await tcpEntry(ann)).toMatchObject({ status: 409, body: { code: "debugger_busy" } });
  });

  it.each(["garbage", "long_answer"] as const)("takes a cell that answers %s for unreachable", async (fault) => {
    cell.fault = fault;
    const reply = await tcpEntry(ann);
    expect(reply).toMatchObject({ status: 503, body: { code: "cell_unreachable" } });
    expect(Number(reply.headers["retry-after"])).toBeGreaterThan(0);
  });

  it("is 503 while the cell does not announce itself", async () => {
    const key = `${bed.prefix}:cell:cell-a:proxy`;
    const announced = await bed.redis.getdel(key);
    expect(await ticket(ann)).toMatchObject({ status: 503, body: { code: "cell_unreachable" } });
    await bed.redis.set(key, announced ?? "");
    expect((await ticket(ann)).status).toBe(201);
  });

  it("shows staff the cells that announce themselves, and takes no nonsense for one", async () => {
    const runner = { cell: "cell-a", runner: "r-1", slots: 8, machines: 3, load: LOAD };
    await bed.redis.set(`${bed.prefix}:cell:cell-a:runner`, JSON.stringify(runner));
    await bed.redis.set(`${bed.prefix}:cell:cell-b:proxy`, "{nonsense");
    const { body } = await tom.call("GET", "/v1/cells");
    expect(body.cells).toEqual([
      { cell: "cell-a", proxy: cell.proxy, runner },
      { cell: "cell-b", proxy: null, runner: null },
    ]);
  });

  it("is over when the session is", async () => {
    await ann.call("DELETE", `/v1/sessions/${id}`);
    expect(await ticket(ann)).toMatchObject({ status: 410, body: { code: "session_ended" } });
    expect(await tcpEntry(ann)).toMatchObject({ status: 410, body: { code: "session_ended" } });
    expect(await ann.call("POST", `/v1/sessions/${id}/reset`)).toMatchObject({ status: 410 });
  });
});
