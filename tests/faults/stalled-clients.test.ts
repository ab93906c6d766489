import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { encodeFrame, LINK_PROTOCOL, NOTED_PACKETS_MAX, PAGE_BYTES, READ_PAGES_MAX } from "@ringside/link";
import { encodePacket } from "@ringside/rsp";
import { cellProxySchema, PROXY_PATHS, tcpEntrySchema } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { WebSocket } from "ws";
import { TestCell } from "../../services/gdb-proxy/src/testing/cell.ts";
import { FakeMachine } from "../../services/gdb-proxy/src/testing/fake-machine.ts";
import { RspClient } from "../../services/gdb-proxy/src/testing/rsp-client.ts";

// Clients that ask for much and read nothing. What the proxy holds for each is measured in its own process: twenty of a
// kind at a time, so that what is not theirs does not count.
const CLIENTS = 20;
const HELD_BYTES_MAX = 2 * 1024 * 1024;
const WAY_MS = 90_000;
const LOOK_MS = 300;
/** A stub that is asked nothing for this long has answered all; a request that is not taken by then is held. */
const IDLE_MS = 300;
const SERVED_MS = 3_000;
/** Long messages that are short on the line. */
const TOLD_COUNT = 14;
/** Looks that must show no more than the most before them. */
const LOOKS_STEADY = 3;
const LOOKS_MAX = 60;
const RAM = 0xffff_8880_0100_0000n;

let cell: TestCell;
let child: ChildProcess;

beforeAll(async () => {
  cell = await TestCell.prepare(inject("redisUrl"));
  child = fork(fileURLToPath(new URL("./measured-proxy.ts", import.meta.url)), [], {
    env: { PATH: process.env.PATH, ...cell.env },
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const [urls] = await once(child, "message");
  cell.isServedAt(cellProxySchema.parse(urls));
});

afterAll(async () => {
  child.disconnect();
  await cell[Symbol.asyncDispose]();
});

async function held(): Promise<number> {
  child.send("held");
  const [answer] = await once(child, "message");
  return (answer as { readonly held: number }).held;
}

/** A client that reads nothing any more; `more` has it ask for more. */
interface Stalled {
  readonly more: () => Promise<void>;
  readonly isOpen: () => boolean;
  readonly cut: () => void;
}

async function tcp(machine: FakeMachine): Promise<Socket> {
  const entry = await cell.errand("tcp-entry", machine.session, { source: "127.0.0.1" });
  const { host, port } = tcpEntrySchema.parse(await entry.json());
  const socket = connect(port, host);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  return socket;
}

async function webSocket(kind: "gdb" | "console", machine: FakeMachine): Promise<WebSocket> {
  const ws = await cell.connect(kind, machine.session);
  await once(ws, "open");
  ws.pause();
  return ws;
}

async function link(machine: FakeMachine): Promise<WebSocket> {
  const ticket = await cell.office.sign({ kind: "gdb", sid: machine.session });
  // Who answers no pings is taken for far away: what it is sent is compressed.
  const options = { headers: { authorization: `Bearer ${ticket}` }, autoPong: false };
  const ws = new WebSocket(`${cell.urls.publicUrl}${PROXY_PATHS.link(machine.session)}`, LINK_PROTOCOL, options);
  ws.on("error", () => undefined);
  await once(ws, "open");
  ws.send(encodeFrame({ type: "attach", id: 1, again: null }));
  await idle(machine);
  ws.pause();
  return ws;
}

/** Until the machine's stub has nothing to do. */
async function idle(machine: FakeMachine): Promise<void> {
  for (let before = -1; before !== machine.stub.packets.length; ) {
    before = machine.stub.packets.length;
    await sleep(IDLE_MS);
  }
}

const READS = Buffer.concat(Array.from({ length: 400 }, () => Buffer.from(encodePacket("m1000,1600"))));
const NO_ACKS = Buffer.concat([encodePacket("QStartNoAckMode"), Buffer.from("+")]);
/** A machine that runs takes no packets: they wait. */
const RUNS = Buffer.from(encodePacket("vCont;c"));
const EMPTY = Buffer.from("$#00".repeat(16_000));
const INTERRUPTS = Buffer.concat([encodePacket("m1000,4"), Buffer.alloc(65_000, "\x03")]);
const LONG = Buffer.from(encodePacket(`M1000,1000:${"00".repeat(0x1000)}`));

const ending = (ws: WebSocket): Pick<Stalled, "isOpen" | "cut"> => ({
  isOpen: () => ws.readyState === ws.OPEN,
  cut: () => ws.terminate(),
});
const writes = (socket: Socket, ...all: readonly Uint8Array[]): Stalled => ({
  more: async () => all.forEach((bytes) => void socket.write(bytes)),
  isOpen: () => !socket.destroyed,
  cut: () => socket.destroy(),
});
const sends = (ws: WebSocket, ...all: readonly Uint8Array[]): Stalled => ({
  more: async () => all.forEach((bytes) => void ws.send(bytes)),
  ...ending(ws),
});

/** Has a near agent read other pages each time, as long as it is served. */
function readingPages(ws: WebSocket, machine: FakeMachine): () => Promise<void> {
  let [id, isServed] = [1, true];
  machine.stub.memory = (bytes) => randomBytes(bytes).toString("hex");
  return async () => {
    for (let n = 0; n < 8 && isServed; n += 1) {
      id += 1;
      const first = RAM + BigInt(id * READ_PAGES_MAX * PAGE_BYTES);
      const pages = Array.from({ length: READ_PAGES_MAX }, (_, page) =>
        (first + BigInt(page * PAGE_BYTES)).toString(16),
      );
      const before = machine.stub.packets.length;
      ws.send(encodeFrame({ type: "read", id, noted: [], pages }));
      // It cannot know that it was answered but by what its machine was asked.
      const until = performance.now() + SERVED_MS;
      while (machine.stub.packets.length - before < READ_PAGES_MAX && isServed) {
        await sleep(20);
        isServed = performance.now() < until;
      }
      if (isServed) await idle(machine);
    }
  };
}

async function readsPages(machine: FakeMachine): Promise<Stalled> {
  const ws = await link(machine);
  return { more: readingPages(ws, machine), ...ending(ws) };
}

/** Reads pages, and tells of packets in messages that are small on the line. */
async function readsAndTells(machine: FakeMachine): Promise<Stalled> {
  const ws = await link(machine);
  const reading = readingPages(ws, machine);
  const noted = encodeFrame({ type: "noted", noted: Array(NOTED_PACKETS_MAX).fill("m".repeat(500)) });
  let told = false;
  const more = async () => {
    await reading();
    if (told) return;
    told = true;
    for (let n = 0; n < TOLD_COUNT; n += 1) ws.send(noted, { compress: true });
  };
  return { more, ...ending(ws) };
}

type Kind = (machine: FakeMachine) => Promise<Stalled>;
const KINDS: readonly (readonly [string, Kind])[] = [
  ["a gdb over TCP reads memory", async (machine) => writes(await tcp(machine), NO_ACKS, READS, READS, READS)],
  ["a gdb over TCP asks a machine that runs", async (machine) => writes(await tcp(machine), NO_ACKS, RUNS, EMPTY)],
  [
    "a gdb over TCP sends Ctrl-C and nothing else",
    async (machine) => writes(await tcp(machine), NO_ACKS, RUNS, INTERRUPTS),
  ],
  [
    "a gdb over a WebSocket reads memory",
    async (machine) => sends(await webSocket("gdb", machine), NO_ACKS, READS, READS, READS),
  ],
  [
    "a gdb over a WebSocket asks a machine that runs",
    async (machine) => sends(await webSocket("gdb", machine), NO_ACKS, RUNS, EMPTY),
  ],
  [
    "a gdb over a WebSocket writes to a machine that runs",
    async (machine) => sends(await webSocket("gdb", machine), NO_ACKS, RUNS, ...Array<Buffer>(40).fill(LONG)),
  ],
  ["a near agent reads pages", readsPages],
  ["a near agent reads pages and tells of packets", readsAndTells],
  [
    "a console floods",
    async (machine) => {
      const ws = await webSocket("console", machine);
      const chunk = Buffer.alloc(64 * 1024, "flood ");
      const more = async () => {
        for (let n = 0; n < 100; n += 1) {
          machine.print(chunk);
          while (machine.undrained > 1024 * 1024) await sleep(1);
        }
      };
      return { more, ...ending(ws) };
    },
  ],
];

describe("a client that reads nothing costs the proxy at most 2 MiB", () => {
  it.each(KINDS)(
    "where %s",
    async (name, kind) => {
      const machines = await Promise.all(Array.from({ length: CLIENTS }, () => FakeMachine.start(cell.runDirectory)));
      // What a session costs is not its client's.
      for (const machine of machines) {
        const gdb = await RspClient.over(await cell.connect("gdb", machine.session)).start();
        await gdb.ask("D");
        gdb.close();
        await gdb.closed;
      }
      await sleep(LOOK_MS);
      const before = await held();
      const clients = await Promise.all(machines.map(kind));
      let [most, open] = [0, 0];
      for (let looks = 0, steady = 0; looks < LOOKS_MAX && steady < LOOKS_STEADY; looks += 1) {
        await Promise.all(clients.map(({ more }) => more()));
        const now = (await held()) - before;
        if (now > most) open = clients.filter((client) => client.isOpen()).length;
        steady = now > most ? 0 : steady + 1;
        most = Math.max(most, now);
        await sleep(LOOK_MS);
      }
      for (const { cut } of clients) cut();
      const each = most / CLIENTS;
      const asked = machines.map(({ stub }) => stub.packets.length).join(" ");
      console.log(
        `${name}: ${(each / 1024).toFixed(0)} KiB each, ${open} of them open; packets at their stubs ${asked}`,
      );
      for (const machine of machines) await machine[Symbol.asyncDispose]();
      expect(each).toBeGreaterThan(0);
      expect(each).toBeLessThanOrEqual(HELD_BYTES_MAX);
    },
    WAY_MS,
  );
});
