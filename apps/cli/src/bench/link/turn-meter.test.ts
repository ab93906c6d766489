import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { DelayLine } from "./delay-line.ts";
import { RspMeter, WebSocketMeter } from "./turn-meter.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("the turns of gdb's protocol", () => {
  it("are packets that are answered, not acks or interrupts", () => {
    const meter = new RspMeter();
    meter.up(bytes("+$g#67"));
    meter.down(bytes("+"));
    meter.down(bytes("$00#60"));
    meter.up(bytes("+"));
    meter.up(bytes("$c#63"));
    meter.up(bytes("\x03"));
    expect(meter.turns).toBe(2);
    meter.down(bytes("+$T05#b9"));
    meter.up(bytes("+"));
    expect(meter.turns).toBe(2);
  });

  it("are one where packets go together", () => {
    const meter = new RspMeter();
    meter.up(bytes("$Z0,1,1#00"));
    meter.up(bytes("$c#63"));
    expect(meter.turns).toBe(1);
  });
});

describe("the turns of a WebSocket", () => {
  it("are data messages of any length, without the upgrade and pings, counted through a delayed line", async () => {
    const http = createServer().listen(0, "127.0.0.1");
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    await once(http, "listening");
    server.on("connection", (ws) => {
      ws.on("message", (data: Buffer) => ws.send(Buffer.alloc(data.length)));
    });
    const meter = new WebSocketMeter();
    const { port } = http.address() as AddressInfo;
    const line = await DelayLine.open({ target: () => ({ host: "127.0.0.1", port }), delayMs: 3, meter });
    const client = new WebSocket(`ws://127.0.0.1:${line.port}`, { perMessageDeflate: false });
    await once(client, "open");
    expect(meter.turns).toBe(0);
    for (const [n, length] of [1, 125, 126, 70_000].entries()) {
      client.ping();
      client.send(Buffer.alloc(length));
      const [answer] = (await once(client, "message")) as [Buffer];
      expect(answer.length).toBe(length);
      expect(meter.turns).toBe(n + 1);
    }
    expect(meter.answer).toContain("101");
    client.terminate();
    await line[Symbol.asyncDispose]();
    server.close();
    http.close();
  });
});

describe("a delayed line", () => {
  it("keeps order and content, and ends both ends", async () => {
    const echo = await listening((socket) => socket.pipe(socket));
    const meter = new RspMeter();
    const line = await DelayLine.open({ target: () => ({ host: "127.0.0.1", port: echo.port }), delayMs: 5, meter });
    const socket = connect(line.port, "127.0.0.1");
    const sent = Buffer.from(Array.from({ length: 50_000 }, (_, n) => n % 251));
    const got: Buffer[] = [];
    socket.on("data", (chunk) => got.push(chunk));
    for (let at = 0; at < sent.length; at += 7_001) socket.write(sent.subarray(at, at + 7_001));
    socket.end();
    await once(socket, "close");
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    await line[Symbol.asyncDispose]();
    echo.close();
  });
});

async function listening(serve: (socket: import("node:net").Socket) => void) {
  const { createServer: create } = await import("node:net");
  const server = create({ allowHalfOpen: true }, serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
