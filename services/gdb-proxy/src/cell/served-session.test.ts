import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connectRedis } from "@ringside/redis";
import { encodePacket } from "@ringside/rsp";
import { closeCodeFor, newId, REPORTS_QUEUE, reportSchema, sealAnswerSchema } from "@ringside/shared";
import { checkSignature, readTraceBytes, verifyTrace } from "@ringside/trace";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { WebSocket } from "ws";
import { TestCell } from "../testing/cell.ts";
import { FakeMachine } from "../testing/fake-machine.ts";
import { FakeRunner } from "../testing/fake-runner.ts";
import { heldBytes } from "../testing/held-memory.ts";
import { RspClient } from "../testing/rsp-client.ts";
import { readEvents } from "../testing/trace-events.ts";

let cell: TestCell;

beforeAll(async () => {
  cell = await TestCell.start(inject("redisUrl"));
});

afterAll(async () => {
  await cell[Symbol.asyncDispose]();
});

const events = (machine: FakeMachine) => readEvents(cell.traceDirectory(machine.session));
const typesOf = async (machine: FakeMachine) => (await events(machine)).map((event) => event.type);
const debug = async (machine: FakeMachine) => RspClient.over(await cell.connect("gdb", machine.session)).start();

/** What the proxy has reported of a machine's session. */
async function reportsOf({ session }: FakeMachine) {
  const redis = connectRedis(inject("redisUrl"), "command", () => undefined);
  await once(redis, "ready");
  const queue = new Queue(REPORTS_QUEUE, { connection: redis, prefix: cell.env.RINGSIDE_PREFIX ?? "" });
  return {
    read: async () => {
      const reports = (await queue.getJobs()).map((job) => reportSchema.parse(job.data));
      return reports.filter((report) => report.session === session);
    },
    [Symbol.asyncDispose]: async () => {
      await queue.close();
      redis.disconnect();
    },
  };
}

const SEEN_CHARS_MAX = 64 * 1024;
const watched = new Map<string, number>();
function watchers({ session }: FakeMachine): number {
  return watched.get(session) ?? 0;
}

/** A console client and all that it has been sent. */
async function watch(machine: FakeMachine, role: "driver" | "observer" = "driver") {
  watched.set(machine.session, watchers(machine) + 1);
  const ws = await cell.connect("console", machine.session, { role });
  let seen = "";
  ws.on("message", (bytes: Buffer) => {
    seen = (seen + bytes.toString("latin1")).slice(-SEEN_CHARS_MAX);
  });
  await once(ws, "open");
  await vi.waitFor(async () => {
    expect(machine.consoleIsAttached).toBe(true);
    const opened = (await events(machine)).filter((event) => event.type === "connection.opened");
    expect(opened.filter((event) => event.kind === "console")).toHaveLength(watchers(machine));
  });
  return { ws, text: () => seen, closed: once(ws, "close") };
}

describe("a session", () => {
  it("records packet, reply, stop and resume before gdb sees them", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const gdb = await debug(machine);
    expect(await gdb.ask("m1000,4")).toBe("00000000");
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    machine.stop();
    expect(await gdb.reply()).toBe("T05thread:01;");
    const types = await typesOf(machine);
    expect(types.slice(0, 3)).toEqual(["trace.opened", "machine.found", "connection.opened"]);
    expect(types.slice(-4)).toEqual(["gdb.packet", "machine.resumed", "machine.stopped", "gdb.reply"]);
  });

  it("serves an observer beside the driver, and reports how many there are", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const gdb = await debug(machine);
    const observer = RspClient.over(await cell.connect("gdb", machine.session, { role: "observer" }));
    await observer.start();
    expect(await observer.ask("m1000,4")).toBe("00000000");
    expect(await observer.ask("M1000,1:00")).toMatch(/^E\.you observe/);
    observer.send("vCont;c");
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    machine.stop();
    expect([await gdb.reply(), await observer.reply()]).toEqual(["T05thread:01;", "T05thread:01;"]);
    const opened = (await events(machine)).filter((event) => event.type === "connection.opened");
    expect(opened.map(({ role }) => role)).toEqual(["driver", "observer"]);
  });

  it("types for gdb's monitor, records that, and asks for a reset", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const screen = await watch(machine);
    const gdb = await debug(machine);
    const order = (text: string) => gdb.ask(`qRcmd,${Buffer.from(text).toString("hex")}`);
    await order("type replyhi");
    await vi.waitFor(() => expect(Buffer.concat(machine.typed).toString()).toBe("replyhi\r"));
    await order("reset");
    await vi.waitFor(() => expect(screen.text()).toContain("asked for a fresh machine"));
    const input = (await events(machine)).find((event) => event.type === "console.input");
    const opened = (await events(machine)).findLast((event) => event.type === "connection.opened");
    expect(input).toMatchObject({ connection: opened?.connection, data: "replyhi\r" });
    await using queue = await reportsOf(machine);
    await vi.waitFor(async () => expect((await queue.read()).map(({ kind }) => kind)).toContain("reset_wanted"));
  });

  it("gives a second gdb debugger_busy and leaves the first alone", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const first = await debug(machine);
    const second = RspClient.over(await cell.connect("gdb", machine.session));
    expect((await second.closed).code).toBe(closeCodeFor("debugger_busy"));
    expect(await first.ask("qAttached")).toBe("1");
  });

  it("lets the machine run on when a gdb vanishes, with its breakpoints, which the next gdb takes over", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const ws = await cell.connect("gdb", machine.session);
    const gdb = await RspClient.over(ws).start();
    await gdb.ask("Z0,1000,1");
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    ws.terminate();
    await vi.waitFor(async () => expect(await typesOf(machine)).toContain("connection.closed"));
    expect([machine.stub.breakpoints.size, machine.stub.running]).toEqual([1, true]);
    const next = await debug(machine);
    expect(await next.ask("?")).toBe("T02thread:01;");
    next.send("vCont;c");
    await vi.waitFor(() => expect([machine.stub.breakpoints.size, machine.stub.running]).toEqual([0, true]));
    expect(machine.stubConnections).toBe(1);
    expect(machine.stub.faults).toEqual([]);
  });

  it("serves the new machine after a reset and ends the old one's connections", async () => {
    await using old = await FakeMachine.start(cell.runDirectory);
    const gdb = await debug(old);
    await using fresh = await FakeMachine.start(cell.runDirectory, { session: old.session, epoch: 2 });
    const closed = await gdb.closed;
    expect(closed.code).toBe(closeCodeFor("machine_gone"));
    expect(closed.reason).toContain("reset");
    const next = await debug(fresh);
    expect(await next.ask("?")).toBe("T05thread:01;");
    expect([old.stubConnections, fresh.stubConnections]).toEqual([1, 1]);
    const types = await typesOf(fresh);
    expect(types.filter((type) => type.startsWith("machine.f") || type === "machine.gone")).toEqual([
      "machine.found",
      "machine.gone",
      "machine.found",
    ]);
  });

  it("tells a gdb that waits that its machine has died, and refuses the next", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const gdb = await debug(machine);
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    await machine.die();
    expect(await gdb.reply()).toBe("W00");
    expect((await gdb.closed).code).toBe(closeCodeFor("machine_gone"));
    await vi.waitFor(async () => expect(await typesOf(machine)).toContain("machine.gone"));
    const next = RspClient.over(await cell.connect("gdb", machine.session));
    expect((await next.closed).code).toBe(closeCodeFor("machine_gone"));
  });

  it("reports who debugs", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    await using queue = await reportsOf(machine);
    const counts = async () => {
      const mine = (await queue.read()).filter((report) => report.kind === "presence");
      return mine.sort((a, b) => a.atMs - b.atMs).map(({ debuggers }) => debuggers);
    };
    const ws = await cell.connect("gdb", machine.session);
    await vi.waitFor(async () => expect(await counts()).toEqual([1]));
    ws.terminate();
    await vi.waitFor(async () => expect(await counts()).toEqual([1, 0]));
  });
});

describe("a stub that does not do what a stub does", () => {
  it.each(["silent", "garbage", "endless-output", "giant"] as const)(
    "%s: the gdb is closed with a code, in bounded memory",
    async (behaviour) => {
      await using machine = await FakeMachine.start(cell.runDirectory);
      const gdb = await debug(machine);
      machine.behaviour = behaviour;
      const before = await heldBytes();
      gdb.send("m1000,8");
      expect((await gdb.closed).code).toBe(closeCodeFor("machine_unresponsive"));
      expect((await heldBytes()) - before).toBeLessThan(8 * 1024 * 1024);
      machine.behaviour = "good";
      const next = await debug(machine);
      expect(await next.ask("m1000,4")).toBe("00000000");
    },
  );

  it("sees nothing of monitor commands, kills and runs, however they are split", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const ws = await cell.connect("gdb", machine.session);
    const gdb = await RspClient.over(ws).start();
    const seen = machine.stub.packets.length;
    const evil = [
      "qRcmd,6d696772617465",
      "QRCMD,6d696772617465",
      "vRun;2f",
      "R00",
      "F1",
      "bs",
      "bc",
      "vFile:open:2f,0,0",
      "Qqemu.PhyMemMode:1",
    ];
    for (const payload of evil) await gdb.ask(payload);
    for (const byte of encodePacket("qRcmd,6d696772617465")) ws.send(Buffer.of(byte));
    await gdb.reply();
    expect(await gdb.ask("qAttached")).toBe("1");
    expect(machine.stub.packets.slice(seen)).toEqual([]);
    expect((await events(machine)).filter((event) => event.type === "gdb.refused").length).toBeGreaterThanOrEqual(
      evil.length,
    );
  });
});

describe("a console", () => {
  it("shows those who come later what was written, its start included", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory, { file: { consoleStart: "boot\r\nMenuOS>>" } });
    const first = await watch(machine);
    machine.print("hello");
    await vi.waitFor(() => expect(first.text()).toBe("boot\r\nMenuOS>>hello"));
    const second = await watch(machine);
    await vi.waitFor(() => expect(second.text()).toBe("boot\r\nMenuOS>>hello"));
    const outputs = (await events(machine)).filter((event) => event.type === "console.output");
    expect(outputs.map(({ data }) => data).join("")).toBe("boot\r\nMenuOS>>hello");
  });

  it("takes typing from the driver, records it, and not from observers", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const observer = await watch(machine, "observer");
    observer.ws.send(Buffer.from("rm"));
    await vi.waitFor(() => expect(observer.text()).toContain("you are watching"));
    const driver = await watch(machine);
    driver.ws.send(Buffer.from("replyhi\r\0\xff", "latin1"));
    await vi.waitFor(() => expect(Buffer.concat(machine.typed).toString("latin1")).toBe("replyhi\r\0\xff"));
    const typed = (await events(machine)).filter((event) => event.type === "console.input");
    expect(typed.map(({ data }) => data)).toEqual(["replyhi\r\0\xff"]);
  });

  it("is drained and bounded when the guest floods it and a client does not read", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const stalled = await watch(machine);
    stalled.ws.pause();
    const reader = await watch(machine);
    const chunk = Buffer.alloc(64 * 1024, "\x1b[31mflood\0");
    const total = 192 * 1024 * 1024;
    const before = await heldBytes();
    let most = 0;
    for (let sent = 0; sent < total; sent += chunk.length) {
      machine.print(chunk);
      while (machine.undrained > 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 1));
      if (sent % (16 * 1024 * 1024) === 0) most = Math.max(most, (await heldBytes()) - before);
    }
    await vi.waitFor(() => expect(machine.undrained).toBe(0));
    expect(most).toBeLessThan(8 * 1024 * 1024);
    machine.print("the end");
    await vi.waitFor(() => expect(reader.text()).toMatch(/the end|too fast/), { timeout: 10_000 });
    await vi.waitFor(
      async () => {
        const recorded = await events(machine);
        const kept = recorded.reduce(
          (sum, event) => sum + (event.type === "console.output" ? event.data.length : 0),
          0,
        );
        const dropped = recorded.reduce((sum, event) => sum + (event.type === "console.dropped" ? event.bytes : 0), 0);
        expect(kept).toBeLessThan(2 * 1024 * 1024);
        expect(kept + dropped).toBe(total + "the end".length);
      },
      { timeout: 10_000 },
    );
    stalled.ws.terminate();
    reader.ws.terminate();
  });
});

describe("a gdb that does not read", () => {
  it("is not read from either, and holds little memory", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const ws: WebSocket = await cell.connect("gdb", machine.session);
    await RspClient.over(ws).start();
    ws.pause();
    const packet = Buffer.from("$m1000,1600#0a".repeat(1_000));
    const before = await heldBytes();
    for (let i = 0; i < 100; i += 1) ws.send(packet);
    const answered = async () => (await events(machine)).filter((event) => event.type === "gdb.reply").length;
    let last = -1;
    await vi.waitFor(
      async () => {
        const now = await answered();
        const settled = now === last;
        last = now;
        expect(settled).toBe(true);
      },
      { timeout: 20_000, interval: 500 },
    );
    // A hundred thousand packets were sent; what was answered fits into the kernel's buffers and one queue of ours.
    expect(last).toBeLessThan(3_000);
    expect((await heldBytes()) - before).toBeLessThan(8 * 1024 * 1024);
    ws.terminate();
  });
});

describe("sealing", () => {
  it("ends connections and recording, and answers the same again", async () => {
    await using machine = await FakeMachine.start(cell.runDirectory);
    const gdb = await debug(machine);
    const screen = await watch(machine);
    const seal = sealAnswerSchema.parse(await (await cell.errand("seal", machine.session)).json());
    expect((await gdb.closed).code).toBe(closeCodeFor("session_ended"));
    expect((await screen.closed)[0]).toBe(closeCodeFor("session_ended"));
    expect(sealAnswerSchema.parse(await (await cell.errand("seal", machine.session)).json())).toEqual(seal);
    const recorded = await events(machine);
    expect(recorded.length).toBe(seal.events);
    expect(recorded.filter((event) => event.type === "connection.closed")).toHaveLength(2);
    expect(recorded.at(-1)?.type).toBe("trace.sealed");
    const after = RspClient.over(await cell.connect("gdb", machine.session));
    expect((await after.closed).code).toBe(closeCodeFor("session_ended"));
    const trace = await (await cell.errand("trace", machine.session)).arrayBuffer();
    expect(trace.byteLength).toBe(seal.bytes);
  });

  it("works when the machine and even the proxy have gone", async () => {
    await using other = await TestCell.start(inject("redisUrl"));
    const machine = await FakeMachine.start(other.runDirectory);
    const gdb = await RspClient.over(await other.connect("gdb", machine.session)).start();
    expect(await gdb.ask("qAttached")).toBe("1");
    await other.stopProxy();
    await machine[Symbol.asyncDispose]();
    await machine.folder.remove();
    await other.startProxy();
    const seal = sealAnswerSchema.parse(await (await other.errand("seal", machine.session)).json());
    expect(sealAnswerSchema.parse(await (await other.errand("seal", machine.session)).json())).toEqual(seal);
    const recorded = await readEvents(other.traceDirectory(machine.session));
    expect(recorded.map((event) => event.type)).toContain("trace.resumed");
    expect(recorded.length).toBe(seal.events);
    const trace = await verifyTrace(readTraceBytes(other.traceDirectory(machine.session)));
    const { cell: name, sealKey } = other.urls;
    const signature = trace.status === "intact" ? trace.signature : undefined;
    expect(checkSignature(signature, name, [{ cell: name, ...sealKey, revoked: false }])).toBe("good");
  });

  it("of a session that was never recorded is not_found", async () => {
    expect((await cell.errand("seal", "ses_00000000000000000000")).status).toBe(404);
    expect((await cell.errand("trace", "ses_00000000000000000000")).status).toBe(404);
  });
});

describe("machine folders", () => {
  it("that are not what they say are passed over", async () => {
    await using _runner = await FakeRunner.start(cell.runDirectory);
    const folder = `${cell.runDirectory}/m/${newId("mch")}`;
    await mkdir(folder);
    await writeFile(`${folder}/machine.json`, '{"session":"ses_1"}');
    const gdb = RspClient.over(await cell.connect("gdb", "ses_00000000000000000000"));
    expect((await gdb.closed).code).toBe(closeCodeFor("session_not_ready"));
  });
});

describe("draining", () => {
  it("closes clients with 1012 and leaves the machines running, without breakpoints", async () => {
    await using other = await TestCell.start(inject("redisUrl"));
    await using machine = await FakeMachine.start(other.runDirectory);
    const gdb = await RspClient.over(await other.connect("gdb", machine.session)).start();
    await gdb.ask("Z0,1000,1");
    await other.stopProxy();
    expect((await gdb.closed).code).toBe(closeCodeFor("shutting_down"));
    expect([machine.stub.running, machine.stub.breakpoints.size]).toEqual([true, 0]);
    const verified = await verifyTrace(readTraceBytes(other.traceDirectory(machine.session)));
    expect(verified).toMatchObject({ status: "intact" });
  });
});
