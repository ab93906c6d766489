import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { imagePath } from "@ringside/image";
import { Decoder, encodePacket, registersOf } from "@ringside/rsp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attachArguments, startScriptedGdb } from "../processes/gdb.ts";
import { GdbGate } from "./gdb-gate.ts";
import { type Directions, ReplayedSession } from "./replayed-session.ts";
import { PARAMETERS, type RecordedMachine, recordListenLesson } from "./testing/recorded-machine.ts";
import { verifyReplay } from "./verify-replay.ts";

// Real QEMU, real gdb, real course image.
let recorded: RecordedMachine;

beforeAll(async () => {
  recorded = await recordListenLesson(process.env);
}, 120_000);
afterAll(() => recorded?.[Symbol.asyncDispose]());

function open(directions: Directions, script = recorded.script, log = recorded.log): Promise<ReplayedSession> {
  const { template } = recorded;
  return ReplayedSession.open(script, { place: recorded.place(), template, parameters: PARAMETERS, log, directions });
}

async function verify(script = recorded.script, log = recorded.log) {
  await using session = await open("forward", script, log);
  return await verifyReplay(script, "x86_64", session);
}

const stops = () => recorded.script.steps.filter((step) => step.kind === "stop");

test("a recording runs again to the bit, as often as one likes, with the debugger's writes", async () => {
  const exact = { stops: stops().length, writes: 2, consoleBytes: recorded.script.console[0]?.data.length };
  expect(recorded.script.console[0]?.data).toContain("hello...");
  expect(await verify()).toMatchObject({ ...exact, difference: null });
  expect(await verify()).toMatchObject({ ...exact, difference: null });
});

test("a register that was changed in the trace is the first difference, with both values", async () => {
  const changed = stops()[1];
  const steps = recorded.script.steps.map((step) =>
    step.kind === "stop" && step.seq === changed?.seq ? { ...step, registers: `ff${step.registers.slice(2)}` } : step,
  );
  const { difference } = await verify({ ...recorded.script, steps });
  const rax = changed?.registers.slice(0, 16);
  expect(difference).toEqual({
    ...{ kind: "register", seq: changed?.seq, register: "rax" },
    ...{ recorded: `ff${rax?.slice(2)}`, replayed: rax },
  });
});

test("a debugger's write that the trace does not tell is found at the next stop", async () => {
  const steps = recorded.script.steps.filter((step) => step.kind === "stop");
  const { difference } = await verify({ ...recorded.script, steps });
  expect(difference).toMatchObject({ kind: "register", seq: stops()[2]?.seq, register: "rsi" });
});

test("console output that was changed in the trace is found to the byte", async () => {
  const text = recorded.script.console[0]?.data ?? "";
  const byte = text.lastIndexOf("hello...");
  const console = [{ seq: 1, data: text.replace(/hello\.\.\.(?![\s\S]*hello\.\.\.)/, "Hello...") }];
  const { difference } = await verify({ ...recorded.script, console });
  expect(difference).toMatchObject({ kind: "console", seq: 1, byte, replayed: text.slice(byte, byte + 40) });
});

test("a log in which one typed character was changed is no replay of the trace", async () => {
  const log = await readFile(recorded.log);
  // A length of 1, and the only y that was typed: that of replyhi.
  const typed = log.indexOf(Buffer.from("\0\0\0\u0001y", "latin1"));
  expect(typed).toBeGreaterThan(0);
  log[typed + 4] = "x".charCodeAt(0);
  const path = `${recorded.log}.changed`;
  await writeFile(path, log);
  expect((await verify(recorded.script, path)).difference).not.toBeNull();
}, 60_000);

test("a log that is none at all is refused in words", async () => {
  const path = `${recorded.log}.none`;
  await writeFile(path, "this is no log");
  await expect(open("forward", recorded.script, path)).rejects.toMatchObject({ code: "trace_damaged" });
});

test("a log that was cut ends before the trace does, and that is said", async () => {
  const log = await readFile(recorded.log);
  const path = `${recorded.log}.cut`;
  await writeFile(path, log.subarray(0, log.length >> 1));
  const { difference } = await verify(recorded.script, path);
  expect(difference).toMatchObject({ kind: "course", why: expect.stringContaining("the log ends before") });
}, 60_000);

test("the log of a machine that was killed runs to where it breaks off", async () => {
  const log = Buffer.from(await readFile(recorded.log));
  log.fill(0, 0, 4); // QEMU writes its head last
  const path = `${recorded.log}.killed`;
  await writeFile(path, log.subarray(0, (log.length * 3) >> 2));
  const { difference, stops: equal } = await verify(recorded.script, path);
  expect(difference).toMatchObject({ kind: "course", why: expect.stringContaining("the log ends before") });
  expect(equal).toBeGreaterThan(0);
}, 60_000);

test("going back over a write and forward again finds each stop as it was", async () => {
  await using session = await open("both");
  const last = stops().at(-2);
  await session.goToEvent(recorded.script.steps, last?.seq ?? 0);
  expect(await session.registers()).toBe(last?.registers);
  const { address, data } = recorded.written;
  expect(await session.link.ask(`m${address},3`)).toBe(data);
  for (let i = 0; i < 5; i += 1) await session.backward("bs");
  expect(await session.link.ask(`m${address},3`)).not.toBe(data);
  for (const stop of stops().slice(1)) {
    while ((await session.machine.icount()) < stop.icount) await session.forward(stop.icount === at(-1) ? "c" : "s");
    expect(await session.registers()).toBe(stop.registers);
  }
  expect(await session.forward("c"), "the trace knows no more").toBe("T05thread:01;");
  expect(await session.backward("bc")).toMatch(/^T/);
  expect(await session.machine.icount()).toBe(0);
  expect(await session.registers()).toBe(stops()[0]?.registers);
});

const at = (index: number) => stops().at(index)?.icount;

test("gdb goes backward: reverse-stepi, reverse-continue, reverse-finish", async () => {
  await using session = await open("both");
  await session.goToEvent(recorded.script.steps, stops().at(-2)?.seq ?? 0);
  await using gate = await GdbGate.open(session, "127.0.0.1", 0);
  const pcs = stops().map(({ registers }) => `0x${registersOf("x86_64", registers).get("rip")?.toString(16)}`);
  const show = (name: string) => `printf "${name} %#lx\\n", $pc`;
  const said = await gdb(gate.port, [
    ...[show("here"), "reverse-stepi", show("stepi"), "stepi", show("again")],
    ...[
      `break *0x${recorded.listen}`,
      "reverse-continue",
      show("continue"),
      "delete",
      "reverse-finish",
      show("finish"),
    ],
    ...["info symbol $pc", "set var $rax = 1", "monitor quit"],
  ]);
  expect(said).toContain(`here ${pcs.at(-2)}`);
  expect(said).toContain(`stepi ${pcs.at(-3)}`);
  expect(said).toContain(`again ${pcs.at(-2)}`);
  expect(said).toContain(`continue 0x${recorded.listen}`);
  expect(said).toContain("__x64_sys_listen");
  expect(said).toContain("cannot be changed");
  expect(said).toContain("there is no monitor");
  expect(await session.machine.icount(), "the machine is still there").toBeGreaterThan(0);
});

test("the gate takes one gdb at a time, and the next finds no breakpoints", async () => {
  await using session = await open("both");
  await using gate = await GdbGate.open(session, "127.0.0.1", 0);
  const first = await client(gate.port);
  expect(await first.ask(`Z0,${recorded.listen},1`)).toBe("OK");
  const second = await client(gate.port);
  expect(await second.ask("?")).toBe("closed");
  first.socket.destroy();
  let third = await client(gate.port);
  while ((await third.ask("?")) === "closed") third = await client(gate.port);
  expect(await third.ask("c")).toBe("T02thread:01;");
  expect(await session.machine.icount()).toBe(at(-1));
  for (const packet of ["P0=00", "G00", "M0,1:00", "c0"]) expect(await third.ask(packet)).toMatch(/^E\./);
  for (const packet of ["vRun;", "R00", "vFile:open:,0,0", "F0", "qqemu.PhyMemMode", "nonsense"]) {
    expect(await third.ask(packet)).toBe("");
  }
  expect(await third.ask("D")).toBe("OK");
  third.socket.destroy();
});

/** A client of the gate: one packet, its answer. */
async function client(port: number) {
  const socket = connect(port, "127.0.0.1");
  const decoder = new Decoder({ runLength: false });
  let answer = Promise.withResolvers<string>();
  socket.on("error", () => answer.resolve("closed"));
  socket.on("close", () => answer.resolve("closed"));
  socket.on("data", (chunk) => {
    decoder.push(chunk, (frame) => {
      if (frame.kind === "packet") answer.resolve(frame.payload);
    });
  });
  const ask = (payload: string): Promise<string> => {
    if (socket.closed) return Promise.resolve("closed");
    answer = Promise.withResolvers<string>();
    socket.write(encodePacket(payload));
    return answer.promise;
  };
  return { socket, ask };
}

/** Runs a real gdb on the gate to its end and gives what it said. */
async function gdb(port: number, commands: readonly string[]): Promise<string> {
  const args = attachArguments({ debug: imagePath(recorded.image, "debug"), sources: undefined }, `127.0.0.1:${port}`);
  const lines: string[] = [];
  await using child = await startScriptedGdb(
    args,
    [...commands, "quit"],
    { PATH: "/usr/bin:/bin", HOME: "/tmp" },
    (line) => {
      lines.push(line);
    },
  );
  await child.exited;
  return lines.join("\n");
}
