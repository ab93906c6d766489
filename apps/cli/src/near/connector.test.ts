import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { type Connector, startConnector } from "./connector.ts";
import { type CellServer, type CellServerOptions, SESSION, startCellServer } from "./testing/cell-server.ts";
import { GdbEnd } from "./testing/gdb-end.ts";
import type { ModelStub } from "./testing/model-stub.ts";
import { Verification } from "./verification.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bed {
  readonly server: CellServer;
  readonly connector: Connector;
  /** What `ringside connect` would show. */
  readonly lines: string[];
  readonly gdb: () => Promise<GdbEnd>;
  /** Waits for a line that holds the text. */
  readonly line: (text: string) => Promise<string>;
}

async function bed(
  options: CellServerOptions & { readonly verify?: boolean; readonly raw?: boolean; readonly debug?: string } = {},
): Promise<Bed> {
  const server = await startCellServer(options);
  const lines: string[] = [];
  const connector = await startConnector({
    api: server.api,
    session: SESSION,
    role: undefined,
    raw: options.raw === true,
    verification: options.verify === true ? new Verification((line) => lines.push(line)) : null,
    debug: options.debug,
    host: "127.0.0.1",
    port: 0,
    signal: new AbortController().signal,
    say: (line) => lines.push(line),
    onEvent: ({ what, connection, words }) =>
      lines.push(`gdb ${connection} ${what}${words === undefined ? "" : `: ${words}`}`),
  });
  cleanups.push(
    () => server[Symbol.asyncDispose](),
    () => connector[Symbol.asyncDispose](),
  );
  return {
    ...{ server, connector, lines },
    gdb: async () => {
      const gdb = await GdbEnd.connect(connector.port);
      cleanups.push(() => gdb[Symbol.dispose]());
      return gdb;
    },
    line: async (text) => {
      for (;;) {
        const found = lines.find((line) => line.includes(text));
        if (found !== undefined) return found;
        await sleep(2);
      }
    },
  };
}

const first = <T>(list: readonly T[]): T => {
  const [item] = list;
  if (item === undefined) throw new Error("there is none");
  return item;
};
const registersOf = (stub: ModelStub) => stub.registers();

test("a link is open before gdb comes, gdb's questions are answered from the bundle, and the next gdb has the same link", async () => {
  const { server, connector, gdb, line } = await bed();
  expect(await connector.roundTripMs()).toBeGreaterThanOrEqual(0);
  expect(server.links).toHaveLength(1);
  const { cell } = first(server.links);
  expect(cell.heard).toEqual([]);
  const one = await gdb();
  expect(await one.ask("qSupported:swbreak+")).toContain("PacketSize=4000;QStartNoAckMode+;");
  expect(await one.ask("?")).toBe("T05thread:01;");
  expect(await one.ask("g")).toBe(registersOf(server.stub));
  expect(await one.ask("m1000,4")).toBe("030a1118");
  expect(cell.heard.map(({ type }) => type)).toEqual(["attach"]);
  expect(await one.ask("vCont;s:1")).toBe("T05thread:01;");
  one.socket.end();
  await line("gdb 1 closed");
  const two = await gdb();
  expect(await two.ask("?")).toBe("T05thread:01;");
  expect(server.tickets()).toBe(1);
  expect(cell.heard.map(({ type }) => type)).toEqual(["attach", "packets", "left", "attach"]);
  const ids = cell.heard.flatMap((message) => ("id" in message ? [message.id] : []));
  expect(ids).toEqual([1, 2, 3]);
});

test("what was answered here is told to the cell, in order", async () => {
  const { server, gdb } = await bed();
  const { cell } = first(server.links);
  const one = await gdb();
  for (const packet of ["g", "m1000,4", "qC", "vCont;s:1", "g"]) await one.ask(packet);
  one.socket.end();
  while (cell.heard.at(-1)?.type !== "left") await sleep(2);
  expect(cell.noted).toEqual(["g", "m1000,4", "qC", "g"]);
});

test("a second gdb has a link of its own, and is refused in words that gdb prints", async () => {
  const { gdb, line } = await bed({ second: "refused" });
  const one = await gdb();
  await one.ask("?");
  const two = await gdb();
  expect(await two.ask("qSupported")).toBe("E.debugger_busy: Another debugger drives");
  await two.end();
  await line("gdb 2 closed: Another debugger drives");
  expect(await one.ask("qAttached")).toBe("1");
});

test("a gdb that says nothing is let go when it is refused", async () => {
  const { gdb } = await bed({ second: "refused" });
  await (await gdb()).ask("?");
  await (await gdb()).end();
});

test("a link that breaks off is opened again under gdb, which notices nothing", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("Z0,1008,1");
  expect(await one.ask("vCont;c")).toBe("T05thread:01;");
  server.cut();
  await line("Connected again.");
  expect(await one.ask("g")).toBe(registersOf(server.stub));
  const { cell } = first(server.links);
  expect(cell.heard[0]).toMatchObject({ type: "attach", again: { inserted: ["Z0,1008,1"], awaits: null } });
  expect(await one.ask("vCont;s:1")).toBe("T05thread:01;");
  expect(server.tickets()).toBe(2);
});

test("a resume outlives its link: the stop comes over the next one", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  first(server.links).hold = true;
  one.send("vCont;c");
  while (first(server.links).cell.heard.at(-1)?.type !== "packets") await sleep(2);
  server.cut();
  await line("Connected again.");
  expect(await one.reply()).toBe("T02thread:01;");
  expect(first(server.links).cell.heard[0]).toMatchObject({ type: "attach", again: { awaits: "vCont;c" } });
});

test("a Ctrl-C reaches the cell, and again after the link broke off", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  const before = first(server.links);
  before.hold = true;
  one.send("vCont;c");
  one.interrupt();
  one.interrupt();
  while (before.cell.heard.at(-1)?.type !== "interrupt") await sleep(2);
  expect(before.cell.heard.map(({ type }) => type)).toEqual(["attach", "packets", "interrupt"]);
  server.cut();
  await line("Connected again.");
  await one.reply();
  expect(first(server.links).cell.heard.map(({ type }) => type)).toEqual(["attach", "interrupt"]);
});

test("a question on the way is asked again, and a write whose fate is unknown is answered with an error", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  first(server.links).hold = true;
  one.send("qThreadExtraInfo,1");
  while (first(server.links).cell.heard.length < 2) await sleep(2);
  server.cut();
  expect(await one.reply()).toBe("4350");
  await line("Connected again.");
  first(server.links).hold = true;
  one.send("M2ff8,1:00");
  while (first(server.links).cell.heard.at(-1)?.type !== "packets") await sleep(2);
  server.cut();
  expect(await one.reply()).toBe("E.the link broke off: whether this was carried out is not known");
});

test("gdb is let go with the server's words when there is no way back", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  server.refuse("source_not_allowed");
  server.links.at(0)?.socket.terminate();
  expect(await line("gdb 1 closed")).toContain("source_not_allowed");
  await one.end();
});

test("a machine that somebody else has run while the link was broken is told of", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("g");
  server.stub.packet("vCont;s:1");
  server.cut();
  await line("Connected again.");
  await line("The machine has run while the link was broken");
  expect(await one.ask("g")).toBe(registersOf(server.stub));
});

test("lines for people go to a gdb that waits, and to the terminal else", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  const end = first(server.links);
  end.send({ type: "said", text: "Ben looks on" });
  await line("Ben looks on");
  end.hold = true;
  one.send("vCont;c");
  while (end.cell.heard.at(-1)?.type !== "packets") await sleep(2);
  end.send({ type: "said", text: "Ben takes the seat" });
  expect(await one.reply()).toBe(`O${Buffer.from("Ben takes the seat\n").toString("hex")}`);
  end.let();
  expect(await one.reply()).toBe("T02thread:01;");
});

test("a spare link that drops is opened again before gdb comes", async () => {
  const { server, gdb } = await bed();
  server.cut();
  while (server.tickets() < 2 || server.links.length < 1) await sleep(5);
  expect(await (await gdb()).ask("?")).toBe("T05thread:01;");
  expect(server.tickets()).toBe(2);
});

test("an older server is spoken to byte by byte, which is said once", async () => {
  const { gdb, lines, connector } = await bed({ old: true });
  expect(await connector.roundTripMs()).toBeNull();
  for (const _ of [1, 2]) {
    const one = await gdb();
    // The old server of this test sends back what it is sent.
    expect(await one.ask("qSupported")).toBe("qSupported");
    one.socket.destroy();
  }
  expect(lines.filter((line) => line.includes("older than this program"))).toHaveLength(1);
});

test("--raw asks for no link", async () => {
  const { server, gdb } = await bed({ raw: true, old: true });
  expect(server.tickets()).toBe(0);
  expect(await (await gdb()).ask("g")).toBe("g");
});

test.each([
  ["no frame", Buffer.from("nonsense")],
  ["a head that is too long", Buffer.concat([Buffer.from([0, 16, 0, 0]), Buffer.alloc(64)])],
  ["a head that is no message", Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from("{}")])],
  ["a message larger than any may be", Buffer.alloc(2 * 1024 * 1024)],
])("a cell that sends %s loses the link, not gdb", async (_what, bytes) => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  first(server.links).socket.send(bytes);
  await line("Connected again.");
  expect(await one.ask("g")).toBe(registersOf(server.stub));
});

test("a page that has changed against one that was never sent is no page", async () => {
  const { server, gdb, line } = await bed();
  const one = await gdb();
  await one.ask("?");
  const bundle = { registers: null, threads: null, pages: [{ as: "same" as const, at: "7000" }] };
  const text = Buffer.from(JSON.stringify({ type: "answer", id: 9, payload: "OK", said: [], bundle }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  first(server.links).socket.send(Buffer.concat([length, text]));
  expect(await line("no message of the link")).toContain("not sent before");
  await line("Connected again.");
});

test("answers that nobody waits for change nothing", async () => {
  const { server, gdb } = await bed();
  const one = await gdb();
  await one.ask("?");
  const end = first(server.links);
  end.send({ type: "answer", id: 77, payload: "E01", said: [], bundle: null });
  end.send({ type: "pages", id: 78, pages: [], missing: ["1000"] });
  end.send({
    type: "attached",
    id: 79,
    stop: "W00",
    features: {},
    bundle: { registers: null, threads: null, pages: [] },
  });
  end.send(end.cell.hello("observer"));
  expect(await one.ask("?")).toBe("T05thread:01;");
  expect(await one.ask("Z0,1008,1")).toBe("OK");
});

test("every read is asked twice with --verify-reads", async () => {
  const { server, gdb } = await bed({ verify: true });
  const one = await gdb();
  expect(await one.ask("g")).toBe(registersOf(server.stub));
  await one.ask("m1000,4");
  expect(first(server.links).cell.heard.slice(1)).toMatchObject([{ last: "g" }, { last: "m1000,4" }]);
});

test("a gdb without a file is told where it is, and that it is on gdb's own machine", async () => {
  const { gdb } = await bed({ debug: "/images/vmlinux" });
  const one = await gdb();
  expect(await one.ask("qSupported")).toMatch(/;qXfer:exec-file:read\+$/);
  expect(await one.ask("qXfer:exec-file:read:1:0,1000")).toBe("l/images/vmlinux");
  expect(await one.ask("vFile:setfs:0")).toBe("");
});

test("without files here, questions about them go to the cell", async () => {
  const { server, gdb } = await bed();
  const one = await gdb();
  expect(await one.ask("vFile:setfs:0")).toBe("");
  expect(first(server.links).cell.heard.at(-1)).toMatchObject({ type: "packets", last: "vFile:setfs:0" });
});
