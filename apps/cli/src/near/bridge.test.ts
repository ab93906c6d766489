import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createConnection, createServer as createTcpServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { BRIDGE_HIGH_BYTES } from "../limits.ts";
import { type BridgeEnd, bridge } from "./bridge.ts";
import { openWebSocket } from "./websocket.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const signal = new AbortController().signal;

/** A cell's end that we hold in our hand. */
async function cell(): Promise<{ url: string; accepted: Promise<WebSocket> }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  await once(server, "listening");
  cleanups.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const accepted = once(server, "connection").then(([socket]) => socket as WebSocket);
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/gdb`, accepted };
}

/** gdb's end and ours of one TCP connection. */
async function tcpPair(): Promise<{ gdb: Socket; local: Socket }> {
  const server = createTcpServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const gdb = createConnection((server.address() as AddressInfo).port, "127.0.0.1");
  const [local] = (await once(server, "connection")) as [Socket];
  gdb.on("error", () => undefined);
  cleanups.push(() => {
    gdb.destroy();
    local.destroy();
    server.close();
  });
  return { gdb, local };
}

async function bridged(stallMs?: number): Promise<{ gdb: Socket; far: WebSocket; ended: Promise<BridgeEnd> }> {
  const { url, accepted } = await cell();
  const { gdb, local } = await tcpPair();
  const remote = await openWebSocket({ url, ticket: "t" }, signal);
  const ended = bridge({ local, remote, signal, ...(stallMs !== undefined && { stallMs }) });
  return { gdb, far: await accepted, ended };
}

test("bytes pass unchanged in both directions, in order", async () => {
  const { gdb, far } = await bridged();
  const there = randomBytes(3_000_000);
  const back = randomBytes(3_000_000);
  const [gotThere, gotBack]: [Buffer[], Buffer[]] = [[], []];
  far.on("message", (data: Buffer) => gotThere.push(data));
  gdb.on("data", (data) => gotBack.push(data));
  gdb.write(there);
  for (let at = 0; at < back.length; at += 50_000) far.send(back.subarray(at, at + 50_000));
  const size = (chunks: Buffer[]) => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  while (size(gotThere) < there.length || size(gotBack) < back.length) await sleep(5);
  expect(Buffer.concat(gotThere).equals(there)).toBe(true);
  expect(Buffer.concat(gotBack).equals(back)).toBe(true);
});

test("a server that does not read holds gdb back, and is given up in words", async () => {
  const { gdb, far, ended } = await bridged(300);
  far.pause();
  let taken = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const timer = setInterval(() => {
    while (gdb.writable && gdb.writableLength < 10 * chunk.length)
      gdb.write(chunk, (error) => (taken += error ? 0 : 1));
  }, 1);
  cleanups.push(() => clearInterval(timer));
  const end = await ended;
  expect(end).toMatchObject({ by: "us", words: expect.stringContaining("does not take") });
  // The kernel's own socket buffers hold some megabytes; what we hold is bounded.
  expect(taken * chunk.length).toBeLessThan(BRIDGE_HIGH_BYTES + 32 * 1024 * 1024);
});

test("a gdb that does not read holds the server back", async () => {
  const { gdb, far } = await bridged();
  gdb.pause();
  const chunk = Buffer.alloc(64 * 1024);
  let sent = 0;
  for (let round = 0; round < 2_000 && far.bufferedAmount < 8 * 1024 * 1024; round++) {
    far.send(chunk);
    sent += chunk.length;
    await sleep(0);
  }
  // It stopped taking long before all of it was sent.
  expect(far.bufferedAmount).toBeGreaterThan(0);
  expect(sent).toBeLessThan(2_000 * chunk.length);
  let got = 0;
  gdb.on("data", (data) => {
    got += data.length;
  });
  gdb.resume();
  while (got < sent) await sleep(5);
  expect(got).toBe(sent);
});

test("gdb's leaving closes the WebSocket in good order", async () => {
  const { gdb, far, ended } = await bridged();
  const closed = once(far, "close");
  gdb.end();
  expect((await closed)[0]).toBe(1000);
  expect(await ended).toEqual({ by: "local", words: undefined });
});

test.each([
  [4409, "", "Another debugger is attached to this machine: detach it first"],
  [4410, "the machine was reset", "the machine was reset"],
  [1012, "", "The server is shutting down: reconnect soon"],
  [4000, "", "The server closed the connection (code 4000)."],
])("a server that closes with %i %s is put in words", async (code, reason, words) => {
  const { gdb, far, ended } = await bridged();
  const gone = once(gdb, "close");
  gdb.resume();
  far.close(code, reason);
  expect(await ended).toEqual({ by: "server", words });
  await gone;
});

test("a refused upgrade gives the server's own words and its exit", async () => {
  const server = createServer().on("upgrade", (_request, socket) => {
    const body = JSON.stringify({ code: "debugger_busy", message: "Taken by Ben", requestId: "r1" });
    socket.end(`HTTP/1.1 409 Conflict\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await expect(openWebSocket({ url, ticket: "t" }, signal)).rejects.toMatchObject({
    message: "Taken by Ben",
    exit: "try_later",
    code: "debugger_busy",
  });
});

test("a host that is not there gives words, not a stack", async () => {
  await expect(openWebSocket({ url: "ws://127.0.0.1:1/", ticket: "t" }, signal)).rejects.toMatchObject({
    message: expect.stringContaining("cannot be reached"),
    exit: "try_later",
  });
});
