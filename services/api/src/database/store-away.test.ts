import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";

/** A socket before PostgreSQL's that can be cut, as if the server had gone. */
class Cut {
  readonly folder = join(tmpdir(), `rs-cut-${randomBytes(6).toString("hex")}`);
  readonly path = join(this.folder, ".s.PGSQL.5432");
  readonly #sockets = new Set<Socket>();
  readonly #target: string;
  #server: Server | null = null;

  constructor(target: string) {
    this.#target = target;
  }

  async open(): Promise<void> {
    const server = createServer((client) => {
      const upstream = connect(this.#target);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
        from.pipe(to);
      }
    });
    await mkdir(this.folder, { recursive: true });
    await rm(this.path, { force: true });
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    this.#sockets.clear();
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }
}

let bed: Bed;
let cut: Cut;
let ann: Person;

beforeAll(async () => {
  const host = new URL(inject("databaseUrl")).searchParams.get("host") ?? "";
  cut = new Cut(join(host, ".s.PGSQL.5432"));
  await cut.open();
  bed = await openBed({
    databaseUrl: inject("databaseUrl"),
    redisUrl: inject("redisUrl"),
    // pg puts .s.PGSQL.<port> behind a folder; the cut stands under that name in a folder of its own.
    apiDatabaseUrl: (own) => own.replace(/host=[^&]*/, `host=${encodeURIComponent(cut.folder)}`),
  });
  ({ ann } = await makeCourse(bed, "os-2026", { ann: "student" }));
});
afterAll(async () => {
  await cut.open().catch(() => undefined);
  await bed[Symbol.asyncDispose]();
  await cut.close();
  await rm(cut.folder, { recursive: true });
});

describe("while the database is away", () => {
  it("every answer is 503 with Retry-After, readiness is red, and all is well when it is back", async () => {
    const session = await startSession(ann);
    await cut.close();
    for (const [method, path] of [
      ["GET", "/v1/me"],
      ["GET", session.links.self],
      ["POST", "/v1/sessions"],
      ["DELETE", session.links.self],
    ] as const) {
      const headers = { "idempotency-key": "away" };
      const body = method === "POST" ? { body: { lab: "net-listen" } } : {};
      const reply = await ann.call(method, path, { headers, ...body });
      expect(reply).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
      expect(reply.headers["retry-after"]).toBe("2");
      expect(reply.text).not.toContain("ECONN");
    }
    expect((await bed.as(null)("GET", "/readyz")).body).toMatchObject({
      status: "not_ready",
      checks: { database: { ok: false }, redis: { ok: true } },
    });
    expect((await bed.as(null)("GET", "/healthz")).status).toBe(200);

    // A report that arrives meanwhile is not lost.
    await bed.lease(session.id);
    await bed.report({
      kind: "ready",
      session: session.id,
      epoch: 1,
      cell: "cell-a",
      atMs: 1,
      how: "cold",
      startMs: 5,
    });
    await cut.open();
    await until(
      () => bed.as(null)("GET", "/readyz"),
      ({ status }) => status === 200,
    );
    const back = await until(
      () => ann.call("GET", session.links.self),
      ({ body }) => body.state === "ready",
    );
    expect(back.body.cell).toBe("cell-a");
  });
});
