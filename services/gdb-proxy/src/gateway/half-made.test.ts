import { once } from "node:events";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { newId } from "@ringside/shared";
import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { CONNECTION_CHECK_MS, HALF_MADE_PER_ADDRESS_MAX, HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from "../limits.ts";
import { TestCell } from "../testing/cell.ts";
import { FakeMachine } from "../testing/fake-machine.ts";
import { RspClient } from "../testing/rsp-client.ts";
import { HalfMade } from "./half-made.ts";

const LATE_MS = 5_000;

/** Sockets to a port, and how many of them the other side has not closed. */
class Crowd {
  readonly sockets: Socket[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async come(count: number, first = "", localAddress = "127.0.0.1"): Promise<Socket[]> {
    const came = Array.from({ length: count }, () => connect({ port: this.#port, host: "127.0.0.1", localAddress }));
    for (const socket of came) socket.on("error", () => undefined);
    this.sockets.push(...came);
    for (const socket of came) {
      if (socket.connecting) await once(socket, "connect");
      if (first !== "") socket.write(first);
      socket.resume();
    }
    return came;
  }

  get open(): number {
    return this.sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length;
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

describe("connections without a whole request", () => {
  let server: Server;
  let halfMade: HalfMade;
  const port = () => (server.address() as AddressInfo).port;

  beforeEach(async () => {
    server = createServer((_request, response) => response.end("ok"));
    server.on("upgrade", () => undefined);
    halfMade = new HalfMade(server, { all: 8, perAddress: 4 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("cost the oldest of their address where there are too many", async () => {
    using crowd = new Crowd(port());
    const [first] = await crowd.come(4);
    await vi.waitFor(() => expect(halfMade.size).toBe(4));
    await crowd.come(1, "GET / HT");
    await vi.waitFor(() => expect([crowd.open, first?.destroyed || first?.readableEnded]).toEqual([4, true]));
    expect(halfMade.size).toBe(4);
  });

  it("cost the address that has the most where all together are too many", async () => {
    using crowd = new Crowd(port());
    using other = new Crowd(port());
    const [oldest] = await crowd.come(4, "", "127.0.0.2");
    await other.come(2, "", "127.0.0.3");
    await other.come(2, "", "127.0.0.4");
    await vi.waitFor(() => expect(halfMade.size).toBe(8));
    await other.come(1, "", "127.0.0.5");
    await vi.waitFor(() => expect(oldest?.destroyed || oldest?.readableEnded).toBe(true));
    expect([crowd.open, other.open, halfMade.size]).toEqual([3, 5, 8]);
  });

  it("are those that wait for the next one, too, and not those that have been upgraded", async () => {
    using crowd = new Crowd(port());
    await crowd.come(1, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await vi.waitFor(() => expect(crowd.sockets[0]?.bytesRead).toBeGreaterThan(0));
    await vi.waitFor(() => expect(halfMade.size).toBe(1));
    await crowd.come(1, "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    await crowd.come(1, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab");
    await vi.waitFor(() => expect(crowd.sockets[2]?.bytesRead).toBeGreaterThan(0));
    expect(halfMade.size).toBe(2);
    for (const socket of crowd.sockets) socket.destroy();
    await vi.waitFor(() => expect(halfMade.size).toBe(0));
  });

  it("do not keep those away whose requests are whole", async () => {
    using crowd = new Crowd(port());
    for (let round = 0; round < 20; round += 1) {
      await crowd.come(4, "GET / HTTP/1.1\r\nho");
      const asked = httpRequest({ port: port(), host: "127.0.0.1", agent: false }).end();
      const [response] = await once(asked, "response");
      expect(response.statusCode).toBe(200);
      response.resume();
    }
  });
});

describe("five hundred who send an upgrade byte by byte, or nothing", () => {
  const COUNT = 500;
  const DRIP_MS = 250;

  it(
    "are dropped in time, and a student attaches meanwhile",
    async () => {
      await using cell = await TestCell.start(inject("redisUrl"));
      await using machine = await FakeMachine.start(cell.runDirectory);
      using crowd = new Crowd(Number(new URL(cell.urls.publicUrl).port));
      const upgrade = [
        `GET /v1/sessions/${newId("ses")}/gdb HTTP/1.1`,
        ...[
          "host: x",
          "connection: upgrade",
          "upgrade: websocket",
          "sec-websocket-version: 13",
          `x: ${"y".repeat(900)}`,
        ],
      ].join("\r\n");
      await crowd.come(COUNT - 250);
      await crowd.come(
        50,
        `POST /v1/sessions/${machine.session}/seal HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n`,
      );
      const dripping = await crowd.come(200, upgrade.slice(0, 20));
      await vi.waitFor(() => expect(crowd.open).toBeLessThanOrEqual(HALF_MADE_PER_ADDRESS_MAX));
      let at = 20;
      const drip = setInterval(() => {
        for (const socket of dripping) if (socket.writable) socket.write(upgrade.slice(at, at + 1));
        at += 1;
      }, DRIP_MS);
      try {
        const gdb = await RspClient.over(await cell.connect("gdb", machine.session)).start();
        expect(await gdb.ask("qAttached")).toBe("1");
        expect(crowd.open).toBeGreaterThan(100);
        await vi.waitFor(() => expect(crowd.open).toBe(0), {
          timeout: Math.max(HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS) + CONNECTION_CHECK_MS + LATE_MS,
        });
        expect(at).toBeLessThan(upgrade.length);
        expect(await gdb.ask("qAttached")).toBe("1");
        gdb.close();
      } finally {
        clearInterval(drip);
      }
    },
    HEADERS_TIMEOUT_MS + REQUEST_TIMEOUT_MS + 2 * LATE_MS,
  );
});
