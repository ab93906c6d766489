import { setTimeout as sleep } from "node:timers/promises";
import { encodePacket } from "@ringside/rsp";
import { expect, test } from "vitest";
import { NEAR_PENDING_BYTES_MAX, NEAR_UNREAD_BYTES_MAX } from "../limits.ts";
import { type GdbPeer, GdbServer } from "./gdb-server.ts";
import { gdbPair } from "./testing/gdb-end.ts";

/** A server whose packets the test answers by hand. */
async function served(answer: (payload: string) => string | null = () => null) {
  const { gdb, local } = await gdbPair();
  const seen: string[] = [];
  const left = Promise.withResolvers<string | undefined>();
  let takes = true;
  const peer: GdbPeer = {
    get takesPackets() {
      return takes;
    },
    packet: (payload) => {
      seen.push(payload);
      const reply = answer(payload);
      if (reply !== null) server.reply(reply);
    },
    interrupt: () => seen.push("interrupt"),
    left: left.resolve,
  };
  const server = new GdbServer(local, peer);
  server.start();
  const take = (on: boolean) => {
    takes = on;
    server.wake();
  };
  return { gdb, local, server, seen, left: left.promise, take };
}

test("packets are acknowledged until gdb asks for no acknowledgements, that one included", async () => {
  const { gdb } = await served((payload) => `<${payload}>`);
  expect(await gdb.ask("qSupported")).toBe("<qSupported>");
  gdb.ack();
  expect(await gdb.ask("QStartNoAckMode")).toBe("<QStartNoAckMode>");
  gdb.ack();
  expect(await gdb.ask("g")).toBe("<g>");
  expect(gdb.acks).toBe(2);
});

test("a damaged packet is asked for again, and an answer that gdb did not get is sent again", async () => {
  const { gdb, seen } = await served(() => "answer");
  gdb.socket.write("$g#00");
  while (gdb.naks === 0) await sleep(1);
  expect(await gdb.ask("g")).toBe("answer");
  gdb.socket.write("-");
  expect(await gdb.reply()).toBe("answer");
  expect(seen).toEqual(["g"]);
});

test("without acknowledgements a damaged packet ends the connection in words", async () => {
  const { gdb, left } = await served(() => "OK");
  await gdb.ask("QStartNoAckMode");
  gdb.socket.write("$g#00");
  expect(await left).toContain("damaged");
  await gdb.end();
});

test("packets wait for the peer in their order, and a Ctrl-C keeps its place among them", async () => {
  const { gdb, seen, take } = await served(() => "OK");
  take(false);
  gdb.send("one");
  gdb.interrupt();
  gdb.send("two");
  await sleep(20);
  expect(seen).toEqual([]);
  take(true);
  await gdb.reply();
  await gdb.reply();
  expect(seen).toEqual(["one", "interrupt", "two"]);
});

test("a Ctrl-C while a packet is worked on arrives at once", async () => {
  const { gdb, seen, take } = await served();
  gdb.send("vCont;c");
  while (seen.length === 0) await sleep(1);
  take(false);
  gdb.interrupt();
  while (seen.length < 2) await sleep(1);
  expect(seen).toEqual(["vCont;c", "interrupt"]);
});

test("a packet may come byte by byte", async () => {
  const { gdb, seen } = await served(() => "OK");
  for (const byte of encodePacket("m1000,8")) {
    gdb.socket.write(Buffer.of(byte));
    await sleep(1);
  }
  await gdb.reply();
  expect(seen).toEqual(["m1000,8"]);
});

test("a client that sends packets without end is held back, then let go, and memory stays bounded", async () => {
  const { gdb, local, left, take } = await served();
  take(false);
  const chunk = Buffer.from(encodePacket("m1000,8")).toString("latin1").repeat(2_000);
  let sent = 0;
  for (; sent < 4 * NEAR_PENDING_BYTES_MAX && !local.isPaused(); sent += chunk.length) {
    gdb.socket.write(chunk, "latin1");
    await sleep(5);
  }
  expect(local.isPaused()).toBe(true);
  expect(sent).toBeLessThan(4 * NEAR_PENDING_BYTES_MAX);
  take(true);
  gdb.socket.destroy();
  await left;
});

test("what speaks no gdb protocol is let go in words", async () => {
  const { gdb, left } = await served();
  gdb.socket.write("GET / HTTP/1.1\r\n".repeat(1_000));
  expect(await left).toContain("does not speak");
});

test("no more packets are taken from a gdb that does not read", async () => {
  const big = "x".repeat(12 * 1024);
  const { gdb, local, seen } = await served(() => big);
  gdb.socket.pause();
  let before = -1;
  for (let round = 0; round < 400 && seen.length > before; round += 1) {
    before = seen.length;
    for (let n = 0; n < 32; n += 1) gdb.send("m1000,1600");
    await sleep(10);
  }
  expect(local.writableLength).toBeLessThan(NEAR_UNREAD_BYTES_MAX + 2 * big.length);
  const stuckAt = seen.length;
  gdb.socket.resume();
  while (seen.length === stuckAt) await sleep(1);
  gdb.socket.destroy();
});

test("gdb's leaving is told once", async () => {
  const { gdb, left, server } = await served();
  gdb.socket.end();
  expect(await left).toBeUndefined();
  server.end();
  server.reply("too late");
});
