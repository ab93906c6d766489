import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import {
  closeCodeFor,
  errorBodySchema,
  type MachineErrand,
  machineErrandAnswerSchema,
  newId,
  PROXY_PATHS,
  RingsideError,
  recordingPath,
  sealAnswerSchema,
  tcpEntrySchema,
} from "@ringside/shared";
import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { TestCell } from "../testing/cell.ts";
import type { FakeMachine } from "../testing/fake-machine.ts";
import { FakeRunner } from "../testing/fake-runner.ts";
import { RspClient } from "../testing/rsp-client.ts";
import { readEvents } from "../testing/trace-events.ts";

let cell: TestCell;
let runner: FakeRunner;

beforeEach(async () => {
  cell = await TestCell.start(inject("redisUrl"));
  runner = await FakeRunner.start(cell.runDirectory);
});

afterEach(async () => {
  await runner[Symbol.asyncDispose]();
  await cell[Symbol.asyncDispose]();
});

const makePipe = (path: string) => execFileSync("mkfifo", ["-m", "600", path]);
const TEMPLATE = "1".repeat(64);
const debug = async (session: string) => RspClient.over(await cell.connect("gdb", session)).start();
const events = async (session: string) => readEvents(cell.traceDirectory(session));
const machineEvents = async (session: string) =>
  (await events(session))
    .map(({ type }) => type)
    .filter((type) => /^machine\.(?:found|gone|hibernated|saved)/.test(type));
const askedTo = (what: string) => runner.asked.filter((request) => request.do === what);

async function does(session: string, errand: MachineErrand) {
  const response = await cell.errand("machine", session, errand);
  const body = await response.json();
  if (response.status !== 200) throw new Error(errorBodySchema.parse(body).code);
  return machineErrandAnswerSchema.parse(body);
}

async function watch(session: string) {
  const ws = await cell.connect("console", session);
  let text = "";
  ws.on("message", (bytes: Buffer) => {
    text += bytes.toString("latin1");
  });
  await once(ws, "open");
  return { ws, text: () => text, closed: once(ws, "close") };
}

describe("a machine that sleeps", () => {
  it("is woken by gdb's next packet and has its breakpoints, and gdb sees nothing but a pause", async () => {
    const machine = await runner.startMachine();
    const { session } = machine;
    const gdb = await debug(session);
    await gdb.ask("Z0,1000,1");
    await gdb.ask("Z2,2000,8");
    expect(await does(session, { do: "hibernate" })).toEqual({ bytes: 1_000 });
    expect(askedTo("hibernate")).toMatchObject([{ epoch: 1, runOn: true }]);
    expect(machine.stub.faults).toEqual([]);
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(runner.machine(session).stub.running).toBe(true));
    const woken = runner.machine(session);
    expect([...woken.stub.breakpoints.keys()].sort()).toEqual(["0,1000,1", "2,2000,8"]);
    woken.stop();
    expect(await gdb.reply()).toBe("T05thread:01;");
    expect(askedTo("wake")).toEqual([{ do: "wake", session, run: "no" }]);
    expect(woken.stub.faults).toEqual([]);
    expect(await machineEvents(session)).toEqual(["machine.found", "machine.hibernated", "machine.found"]);
    expect((await events(session)).findLast(({ type }) => type === "machine.found")).toMatchObject({
      epoch: 1,
      from: "hibernated",
    });
  });

  it("is woken by Ctrl-C of a gdb that waits", async () => {
    const { session } = await runner.startMachine();
    const gdb = await debug(session);
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(runner.machine(session).stub.running).toBe(true));
    await does(session, { do: "hibernate" });
    gdb.interrupt();
    expect(await gdb.reply()).toBe("T02thread:01;");
    expect(askedTo("wake")).toMatchObject([{ run: "no" }]);
  });

  it("is woken by typing, which arrives, and the console goes on without its start again", async () => {
    const { session } = await runner.startMachine({ file: { consoleStart: "boot" } });
    const screen = await watch(session);
    await vi.waitFor(() => expect(screen.text()).toBe("boot"));
    await does(session, { do: "hibernate" });
    screen.ws.send(Buffer.from("hel"));
    screen.ws.send(Buffer.from("lo\r"));
    await vi.waitFor(() => expect(Buffer.concat(runner.machine(session).typed).toString()).toBe("hello\r"));
    expect(askedTo("wake")).toMatchObject([{ run: "as-before" }]);
    runner.machine(session).print("again");
    await vi.waitFor(() => expect(screen.text()).toBe("bootagain"));
    expect(runner.machine(session).stubConnections).toBe(0);
  });

  it("wakes once for many who connect at the same moment, also where the proxy is another", async () => {
    const { session } = await runner.startMachine();
    await (await watch(session)).ws.terminate();
    await does(session, { do: "hibernate" });
    await cell.stopProxy();
    await cell.startProxy();
    const screens = await Promise.all(Array.from({ length: 8 }, () => watch(session)));
    const gdb = await debug(session);
    expect(await gdb.ask("?")).toBe("T05thread:01;");
    expect(askedTo("wake")).toHaveLength(1);
    for (const { ws } of screens) ws.terminate();
  });

  it("is woken by a packet that comes while it is being saved", async () => {
    const { session } = await runner.startMachine();
    const gdb = await debug(session);
    const reached = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    runner.before = async (request) => {
      if (request.do !== "hibernate") return;
      reached.resolve();
      await release.promise;
    };
    const hibernated = does(session, { do: "hibernate" });
    await reached.promise;
    gdb.send("m1000,4");
    const screen = watch(session);
    release.resolve();
    await hibernated;
    expect(await gdb.reply()).toBe("00000000");
    (await screen).ws.terminate();
    expect(askedTo("wake")).toHaveLength(1);
  });

  it("stays as it was where it cannot be saved", async () => {
    const machine = await runner.startMachine();
    const { session } = machine;
    const gdb = await debug(session);
    await gdb.ask("Z0,1000,1");
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    runner.failures.set("hibernate", new RingsideError("storage_full"));
    await expect(does(session, { do: "hibernate" })).rejects.toThrow("storage_full");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    machine.stop();
    expect(await gdb.reply()).toBe("T05thread:01;");
    expect(await machineEvents(session)).toEqual(["machine.found"]);
    expect(machine.stub.faults).toEqual([]);
  });

  it.each(["state_damaged", "no_capacity"] as const)("that does not wake (%s) tells its clients why", async (code) => {
    const { session } = await runner.startMachine();
    const gdb = await debug(session);
    const screen = await watch(session);
    await does(session, { do: "hibernate" });
    runner.failures.set("wake", new RingsideError(code));
    expect(await gdb.ask("g")).toMatch(new RegExp(`^E\\.${code}: `));
    expect((await gdb.closed).code).toBe(closeCodeFor(code));
    expect((await screen.closed)[0]).toBe(closeCodeFor(code));
    const next = RspClient.over(await cell.connect("gdb", session));
    expect((await next.closed).code).toBe(closeCodeFor(code));
    await expect(does(session, { do: "wake" })).rejects.toThrow(code);
    runner.failures.clear();
    expect(await (await debug(session)).ask("?")).toMatch(/^T/);
  });

  it("takes a TCP entry, which is held until it is awake", async () => {
    const { session } = await runner.startMachine();
    (await watch(session)).ws.terminate();
    await does(session, { do: "hibernate" });
    const response = await cell.errand("tcp-entry", session, { source: "127.0.0.1" });
    const { host, port } = tcpEntrySchema.parse(await response.json());
    await does(session, { do: "hibernate" });
    const socket = connect(port, host);
    const gdb = await RspClient.overTcp(socket).start();
    expect(await gdb.ask("?")).toMatch(/^T/);
    expect(askedTo("wake")).toHaveLength(2);
    socket.destroy();
  });

  it("is sealed without being woken", async () => {
    const { session } = await runner.startMachine();
    const gdb = await debug(session);
    await does(session, { do: "hibernate" });
    const seal = sealAnswerSchema.parse(await (await cell.errand("seal", session)).json());
    expect(seal.recordings).toEqual([]);
    expect((await gdb.closed).code).toBe(closeCodeFor("session_ended"));
    expect(runner.asked.map((request) => request.do)).toEqual(["hibernate"]);
  });

  it("is replaced by a reset, and its gdb is told", async () => {
    const { session } = await runner.startMachine();
    const gdb = await debug(session);
    await does(session, { do: "hibernate" });
    await runner.startMachine({ session, epoch: 2 });
    expect((await gdb.closed).reason).toContain("reset");
    expect(await (await debug(session)).ask("?")).toMatch(/^T/);
    expect(askedTo("wake")).toEqual([]);
  });

  it("is cell_unreachable where nothing listens for the cell's proxy", async () => {
    await runner[Symbol.asyncDispose]();
    await expect(does(newId("ses"), { do: "wake" })).rejects.toThrow("cell_unreachable");
    await expect(does(newId("ses"), { do: "list" })).rejects.toThrow("cell_unreachable");
  });
});

describe("an idle machine", () => {
  it("hibernates by itself, but not while somebody is there, nor paused, nor recorded", async () => {
    const file = { idleMinutes: 1 };
    const idle = await runner.startMachine({ file });
    const busy = await runner.startMachine({ file });
    const paused = await runner.startMachine({ file });
    const recorded = await runner.startMachine({ file: { ...file, recording: true, template: TEMPLATE }, makePipe });
    const screen = await watch(busy.session);
    await does(paused.session, { do: "pause" });
    // The proxy looks at its clock, and a minute is long: it is told that one has passed.
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + 61_000);
    try {
      await vi.waitFor(() => expect(askedTo("hibernate")).toMatchObject([{ session: idle.session }]), {
        timeout: 10_000,
      });
    } finally {
      clock.mockRestore();
    }
    expect([recorded, paused, busy].map(({ session }) => runner.machines.has(session))).toEqual([true, true, true]);
    screen.ws.terminate();
  });
});

describe("pause, save and fork", () => {
  it("hold the machine still for the runner, and all goes on afterwards", async () => {
    const machine = await runner.startMachine();
    const { session } = machine;
    const gdb = await debug(session);
    gdb.send("vCont;c");
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    const into = newId("ses");
    const ran: boolean[] = [];
    runner.before = async () => {
      ran.push(machine.stub.running);
    };
    expect(await does(session, { do: "save", name: "before" })).toMatchObject({
      bytes: 3_000,
      states: [{ name: "before" }],
    });
    expect(await does(session, { do: "fork", name: null, into })).toEqual({ bytes: 2_000 });
    expect(await does(session, { do: "fork", name: "before", into })).toEqual({ bytes: 2_000 });
    expect(ran).toEqual([false, false, true]);
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
    machine.stop();
    expect(await gdb.reply()).toBe("T05thread:01;");
    await does(session, { do: "fork", name: null, into });
    expect(askedTo("fork").map((request) => request.do === "fork" && request.runOn)).toEqual([true, undefined, false]);
    const saved = (await events(session)).filter((event) => event.type === "machine.saved");
    expect(saved).toMatchObject([{ as: "before" }, { as: into }, { as: into }]);
    expect(await does(session, { do: "list" })).toMatchObject({ states: [{ name: "first" }] });
    expect(await does(session, { do: "forget", name: "first" })).toEqual({});
  });

  it("pause holds a machine with nobody attached, and resume lets it go", async () => {
    const machine = await runner.startMachine();
    expect(await does(machine.session, { do: "pause" })).toEqual({ paused: true });
    expect(machine.stub.running).toBe(false);
    expect(await does(machine.session, { do: "pause" })).toEqual({ paused: true });
    expect(await does(machine.session, { do: "resume" })).toEqual({ paused: false });
    await vi.waitFor(() => expect(machine.stub.running).toBe(true));
  });

  it("of a machine that is not there are refused", async () => {
    await expect(does(newId("ses"), { do: "pause" })).rejects.toThrow("session_not_ready");
    await expect(does(newId("ses"), { do: "hibernate" })).rejects.toThrow("session_not_ready");
  });

  it("of a machine that does not answer end in time", async () => {
    const machine = await runner.startMachine();
    machine.behaviour = "silent";
    await expect(does(machine.session, { do: "pause" })).rejects.toThrow("machine_unresponsive");
  });
});

describe("a recorded machine", () => {
  const record = async (): Promise<FakeMachine> =>
    runner.startMachine({ file: { recording: true, template: TEMPLATE }, makePipe });

  it("is not hibernated, saved or copied, and says so", async () => {
    const { session } = await record();
    const refused: MachineErrand[] = [
      { do: "hibernate" },
      { do: "save", name: "x" },
      { do: "fork", name: null, into: newId("ses") },
    ];
    for (const errand of refused) await expect(does(session, errand)).rejects.toThrow("conflict");
    expect(await does(session, { do: "pause" })).toEqual({ paused: true });
    expect(runner.asked).toEqual([]);
  });

  it("has its console on pipes, and is typed to at the pace of its echo", async () => {
    const machine = await record();
    const screen = await watch(machine.session);
    machine.print("MenuOS>>");
    await vi.waitFor(() => expect(screen.text()).toBe("MenuOS>>"));
    screen.ws.send(Buffer.from("a line of more than a FIFO\r"));
    await vi.waitFor(() => expect(Buffer.concat(machine.typed).toString()).toBe("a line of more than a FIFO\r"));
    for (const piece of machine.typed) expect(piece.length).toBeLessThanOrEqual(8);
    await machine.die();
    expect((await screen.closed)[0]).toBe(closeCodeFor("machine_gone"));
  });

  it("is ended when it is sealed, and the trace names its log", async () => {
    const machine = await record();
    const { session } = machine;
    const gdb = await debug(session);
    await gdb.ask("M1000,2:abcd");
    const log = { epoch: 1, sha256: "2".repeat(64), bytes: 5, template: TEMPLATE, whole: true };
    runner.recordings = [log];
    runner.failures.set("finish", new RingsideError("storage_full"));
    expect((await cell.errand("seal", session)).status).toBe(503);
    expect((await gdb.closed).code).toBe(closeCodeFor("session_ended"));
    runner.failures.clear();
    const first = sealAnswerSchema.parse(await (await cell.errand("seal", session)).json());
    expect(first.recordings).toEqual([log]);
    const again = sealAnswerSchema.parse(await (await cell.errand("seal", session)).json());
    expect(again).toEqual(first);
    await cell.stopProxy();
    await cell.startProxy();
    expect(sealAnswerSchema.parse(await (await cell.errand("seal", session)).json())).toEqual(first);
    const trace = await events(session);
    expect(trace.slice(-2)).toMatchObject([{ type: "recording.kept", ...log }, { type: "trace.sealed" }]);
    expect(trace.find(({ type }) => type === "machine.found")).toMatchObject({ template: TEMPLATE });
    expect(trace.find(({ type }) => type === "machine.written")).toMatchObject({ icount: 4321, data: "M1000,2:abcd" });
  });

  it("has its log handed out, and its template", async () => {
    const session = newId("ses");
    const path = join(cell.env.RINGSIDE_DATA_DIR ?? "", recordingPath(session, 3));
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, "the log");
    const get = (of: string) => cell.errand("trace", session, undefined, of);
    expect(await (await get(PROXY_PATHS.recording(session, 3))).text()).toBe("the log");
    expect((await get(PROXY_PATHS.recording(session, 4))).status).toBe(404);
    expect((await get(PROXY_PATHS.template(session, TEMPLATE))).status).toBe(404);
    expect((await get(PROXY_PATHS.template(session, "x"))).status).toBe(404);
  });
});
