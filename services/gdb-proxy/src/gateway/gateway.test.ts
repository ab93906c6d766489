import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { LINK_PROTOCOL } from "@ringside/link";
import { connectRedis } from "@ringside/redis";
import {
  cellProxyKey,
  cellProxySchema,
  closeCodeFor,
  type ErrorCode,
  errorBodySchema,
  healthSchema,
  newId,
  PROXY_PATHS,
  readinessSchema,
  TICKET_AUDIENCE,
  TICKET_ISSUER,
  TICKET_SKEW_SECONDS,
  tcpEntrySchema,
} from "@ringside/shared";
import { generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { WebSocket } from "ws";
import { CELL, TestCell } from "../testing/cell.ts";
import { FakeMachine } from "../testing/fake-machine.ts";
import { FakeRunner } from "../testing/fake-runner.ts";
import { RspClient } from "../testing/rsp-client.ts";

let cell: TestCell;
let machine: FakeMachine;

beforeAll(async () => {
  cell = await TestCell.start(inject("redisUrl"), { RINGSIDE_ORIGINS: "https://lab.example" });
  machine = await FakeMachine.start(cell.runDirectory);
});

afterAll(async () => {
  await cell[Symbol.asyncDispose]();
  await machine[Symbol.asyncDispose]();
});

async function closeOf(ws: WebSocket): Promise<number> {
  const [code] = await once(ws, "close");
  return Number(code);
}

const bearer = (ticket: string) => ({ authorization: `Bearer ${ticket}` });
const nowSeconds = () => Math.floor(Date.now() / 1_000);

describe("tickets", () => {
  const claims = () => ({ sid: machine.session, kind: "console" as const });

  it("open a connection once", async () => {
    const ticket = await cell.office.sign(claims());
    const first = cell.connectWith("console", machine.session, bearer(ticket));
    await once(first, "open");
    const second = cell.connectWith("console", machine.session, bearer(ticket));
    expect(await closeOf(second)).toBe(closeCodeFor("ticket_used"));
    first.close();
  });

  it("are redeemed exactly once by 50 tries at the same moment", async () => {
    const ticket = await cell.office.sign(claims());
    const all = Array.from({ length: 50 }, () => cell.connectWith("console", machine.session, bearer(ticket)));
    const refused = vi.fn();
    for (const ws of all) ws.on("close", refused);
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(49), { timeout: 20_000 });
    for (const [code] of refused.mock.calls) expect(code).toBe(closeCodeFor("ticket_used"));
    expect(all.filter((ws) => ws.readyState === ws.OPEN)).toHaveLength(1);
    for (const ws of all) ws.terminate();
  });

  it("are taken from a browser's subprotocol", async () => {
    const ticket = await cell.office.sign(claims());
    const ws = cell.connectWith("console", machine.session, {
      "sec-websocket-protocol": `ringside, ringside.ticket.${ticket}`,
      origin: "https://lab.example",
    });
    const [response] = await once(ws, "upgrade");
    expect(response.headers["sec-websocket-protocol"]).toBe("ringside");
    ws.terminate();
  });

  const wrong: ReadonlyArray<readonly [string, () => Promise<string>, ErrorCode]> = [
    [
      "have expired",
      async () => cell.office.sign({ ...claims(), exp: nowSeconds() - TICKET_SKEW_SECONDS - 5 }),
      "ticket_expired",
    ],
    ["are another session's", async () => cell.office.sign({ ...claims(), sid: newId("ses") }), "ticket_mismatch"],
    ["are for another kind", async () => cell.office.sign({ ...claims(), kind: "gdb" }), "ticket_mismatch"],
    ["are another cell's", async () => cell.office.sign({ ...claims(), cell: "cell-2" }), "ticket_mismatch"],
    ["are missing", async () => "", "ticket_invalid"],
    ["are no ticket", async () => "a.b.c", "ticket_invalid"],
    ["are not signed", unsignedTicket, "ticket_invalid"],
    ["are signed by another key", foreignTicket, "ticket_invalid"],
    ["are signed with the public key as a secret", confusedTicket, "ticket_invalid"],
    ["lack a session", async () => cell.office.sign({ ...claims(), sid: "../../etc" }), "ticket_invalid"],
  ];
  it.each(wrong)("are refused where they %s", async (_name, make, code) => {
    const ws = cell.connectWith("console", machine.session, bearer(await make()));
    expect(await closeOf(ws)).toBe(closeCodeFor(code));
  });

  it("survive a clock that is a little behind", async () => {
    const ws = cell.connectWith(
      "console",
      machine.session,
      bearer(await cell.office.sign({ ...claims(), exp: nowSeconds() - 5 })),
    );
    await once(ws, "open");
    ws.terminate();
  });

  const rawClaims = () => ({
    ...claims(),
    sub: newId("usr"),
    cell: CELL,
    role: "driver",
    jti: randomUUID(),
    exp: nowSeconds() + 60,
  });

  async function unsignedTicket(): Promise<string> {
    return new UnsecuredJWT(rawClaims()).setIssuer(TICKET_ISSUER).setAudience(TICKET_AUDIENCE).encode();
  }

  async function foreignTicket(): Promise<string> {
    const { privateKey } = await generateKeyPair("EdDSA");
    return new SignJWT(rawClaims())
      .setProtectedHeader({ alg: "EdDSA" })
      .setIssuer(TICKET_ISSUER)
      .setAudience(TICKET_AUDIENCE)
      .sign(privateKey);
  }

  async function confusedTicket(): Promise<string> {
    return new SignJWT(rawClaims())
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer(TICKET_ISSUER)
      .setAudience(TICKET_AUDIENCE)
      .sign(Buffer.from(cell.office.publicKeyPem));
  }
});

describe("connections", () => {
  it.each(["gdb", "console", "link"] as const)(
    "for %s that another site's page asks for are refused with 403, before the ticket is looked at",
    async (channel) => {
      await using own = await FakeMachine.start(cell.runDirectory);
      const ticket = await cell.office.sign({ sid: own.session, kind: channel === "console" ? "console" : "gdb" });
      const open = (headers: Record<string, string>) =>
        new WebSocket(
          `${cell.urls.publicUrl}${PROXY_PATHS[channel](own.session)}`,
          channel === "link" ? [LINK_PROTOCOL] : [],
          {
            headers: { ...bearer(ticket), ...headers },
          },
        );
      for (const origin of [
        "https://evil.example",
        "null",
        "https://lab.example.evil.example",
        "https://lab.example:1",
      ]) {
        const foreign = open({ origin });
        const [, response] = (await once(foreign, "unexpected-response")) as [unknown, IncomingMessage];
        expect(response.statusCode).toBe(403);
        const { code, message } = errorBodySchema.parse(JSON.parse(await text(response)));
        expect([code, message]).toEqual(["source_not_allowed", "Pages of this origin may not connect"]);
      }
      // Its ticket is not used up by that. Who is no browser names no origin.
      const known = open(channel === "console" ? { origin: "https://lab.example" } : {});
      await once(known, "open");
      known.terminate();
    },
  );

  it("are closed with the reason where the path or session does not fit", async () => {
    await using _runner = await FakeRunner.start(cell.runDirectory);
    const nowhere = cell.connectWith("console", "nonsense", {});
    expect(await closeOf(nowhere)).toBe(closeCodeFor("not_found"));
    const unknown = await cell.connect("gdb", newId("ses"));
    expect(await closeOf(unknown)).toBe(closeCodeFor("session_not_ready"));
  });

  it("find a machine that has just become ready, without waiting for the next look", async () => {
    await using fresh = await FakeMachine.start(cell.runDirectory);
    const gdb = await RspClient.over(await cell.connect("gdb", fresh.session)).start();
    expect(await gdb.ask("?")).toMatch(/^T05thread:01;/);
  });

  it("carry binary frames of a limited size", async () => {
    const text = await cell.connect("console", machine.session);
    text.on("open", () => text.send("text"));
    expect(await closeOf(text)).toBe(1003);
    const big = await cell.connect("console", machine.session);
    big.on("open", () => big.send(Buffer.alloc(16 * 1024 * 1024)));
    expect(await closeOf(big)).toBe(1009);
    const fragments = await cell.connect("console", machine.session);
    fragments.on("open", () => {
      for (let i = 0; i < 1_000; i += 1) fragments.send(Buffer.alloc(1), { fin: false });
    });
    expect([1006, 1008, 1009]).toContain(await closeOf(fragments));
  });
});

describe("HTTP", () => {
  it("says how it is", async () => {
    const base = cell.urls.internalUrl;
    expect(healthSchema.parse(await (await fetch(`${base}/healthz`)).json()).status).toBe("ok");
    expect(readinessSchema.parse(await (await fetch(`${base}/readyz`)).json()).status).toBe("ready");
    expect(await (await fetch(`${base}/metrics`)).text()).toContain("ringside_proxy_sessions");
  });

  it("announces where it is reached", async () => {
    const redis = connectRedis(inject("redisUrl"), "command", () => undefined);
    await once(redis, "ready");
    await vi.waitFor(async () => {
      const announced = await redis.get(cellProxyKey(cell.env.RINGSIDE_PREFIX ?? "", CELL));
      expect(cellProxySchema.parse(JSON.parse(announced ?? "null"))).toEqual(cell.urls);
    });
    redis.disconnect();
  });

  it.each([
    ["POST", PROXY_PATHS.seal("ses_00000000000000000000"), undefined, {}, 401, "ticket_invalid"],
    ["GET", PROXY_PATHS.trace("../x"), undefined, {}, 404, "not_found"],
    ["GET", "/nowhere", undefined, {}, 404, "not_found"],
    [
      "POST",
      PROXY_PATHS.tcpEntry("ses_00000000000000000000"),
      "{",
      { "content-type": "application/json" },
      400,
      "bad_request",
    ],
    [
      "POST",
      PROXY_PATHS.tcpEntry("ses_00000000000000000000"),
      "{}",
      { "content-type": "application/json" },
      400,
      "bad_request",
    ],
    [
      "POST",
      PROXY_PATHS.tcpEntry("ses_00000000000000000000"),
      "x",
      { "content-type": "text/xml" },
      415,
      "unsupported_media_type",
    ],
    [
      "POST",
      PROXY_PATHS.tcpEntry("ses_00000000000000000000"),
      `"${"x".repeat(10_000)}"`,
      { "content-type": "application/json" },
      413,
      "payload_too_large",
    ],
    [
      "POST",
      PROXY_PATHS.seal("ses_00000000000000000000"),
      undefined,
      { origin: "https://evil.example" },
      403,
      "source_not_allowed",
    ],
  ] as const)("%s %s is refused with a code", async (method, path, body, headers, status, code) => {
    const response = await fetch(`${cell.urls.internalUrl}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    expect(response.status).toBe(status);
    expect(errorBodySchema.parse(await response.json()).code).toBe(code);
  });
});

describe("a TCP entry", () => {
  const open = async (session = machine.session, source = "127.0.0.1") => {
    const response = await cell.errand("tcp-entry", session, { source });
    expect(response.status).toBe(200);
    return tcpEntrySchema.parse(await response.json());
  };

  it("takes one gdb and closes", async () => {
    const { host, port } = await open();
    const socket = connect(port, host);
    const gdb = await RspClient.overTcp(socket).start();
    expect(await gdb.ask("?")).toMatch(/^T05thread:01;/);
    const [error] = await once(connect(port, host), "error");
    expect(error.code).toBe("ECONNREFUSED");
    socket.destroy();
  });

  it("turns away other addresses and still waits for its own", async () => {
    const { host, port } = await open();
    const stranger = connect({ port, host, localAddress: "127.0.0.2" });
    await once(stranger, "close");
    const socket = connect(port, host);
    const gdb = await RspClient.overTcp(socket).start();
    expect(await gdb.ask("qAttached")).toBe("1");
    socket.destroy();
  });

  it("tells a second gdb why it cannot have the machine", async () => {
    const { host, port } = await open();
    const first = await RspClient.over(await cell.connect("gdb", machine.session)).start();
    const second = RspClient.overTcp(connect(port, host));
    expect(await second.ask("qSupported")).toMatch(/^E\.debugger_busy: /);
    await second.closed;
    expect((await cell.errand("tcp-entry", machine.session, { source: "127.0.0.1" })).status).toBe(409);
    expect(await first.ask("qAttached")).toBe("1");
    first.send("k");
  });

  it("is not opened for addresses outside the listed networks", async () => {
    const response = await cell.errand("tcp-entry", machine.session, { source: "192.0.2.1" });
    expect(response.status).toBe(403);
    expect(errorBodySchema.parse(await response.json()).code).toBe("source_not_allowed");
  });
});

describe("without Redis", () => {
  it("no ticket is taken, and it says so", async () => {
    await using lonely = await TestCell.start("unix:///nowhere/redis.sock");
    const ws = await lonely.connect("console", newId("ses"));
    expect(await closeOf(ws)).toBe(closeCodeFor("store_unavailable"));
    const response = await lonely.errand("seal", newId("ses"));
    expect(response.status).toBe(503);
    expect(errorBodySchema.parse(await response.json()).code).toBe("store_unavailable");
    expect((await fetch(`${lonely.urls.internalUrl}/readyz`)).status).toBe(503);
  });
});
