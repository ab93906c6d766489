import { hexOfBytes } from "@ringside/rsp";
import { expect, test } from "vitest";
import { NEAR_BREAKPOINTS_MAX, NEAR_NOTED_PACKETS_COUNT, NEAR_READ_BYTES_MAX } from "../limits.ts";
import { AgentBench } from "./testing/agent-bench.ts";

/** A bench whose gdb is attached, with the cell's ears cleaned. */
function attached(options: ConstructorParameters<typeof AgentBench>[0] = {}): AgentBench {
  const bench = new AgentBench(options).attach();
  bench.heard();
  return bench;
}

test("nothing that gdb asks at a stop and that came with it goes to the cell", () => {
  const bench = attached();
  for (const packet of ["qSupported:x+", "?", "g", "p10", "m1000,40", "mffff888000004000,100", "Hg1", "qC", "T1"]) {
    bench.ask(packet);
  }
  for (const packet of [
    "qfThreadInfo",
    "qsThreadInfo",
    "qXfer:features:read:target.xml:0,100",
    "vCont?",
    "!",
    "qTStatus",
    "qSymbol::",
  ]) {
    bench.ask(packet);
  }
  expect(bench.heard()).toEqual([]);
});

test("the pages of one read are asked for together, once", () => {
  const bench = attached();
  bench.ask("m3ffc,10");
  expect(bench.heard()).toEqual(["read 3000 4000"]);
  bench.ask("m3000,1000");
  expect(bench.heard()).toEqual([]);
});

test("bytes beside a page that cannot be had are asked for as they are, and the page not again", () => {
  const bench = attached();
  expect(bench.ask("m9000,4")).toEqual(["030a1118"]);
  expect(bench.heard()).toEqual(["read 9000", "m9000,4"]);
  expect(bench.ask("m9004,4")).toEqual(["1f262d34"]);
  expect(bench.heard()).toEqual(["m9004,4"]);
  expect(bench.ask("m0,8")).toEqual(["E14"]);
});

test("a binary read is answered from the same pages, and asked for as m", () => {
  const bench = attached();
  expect(bench.ask("x1000,4")).toEqual(["b\x03\x0a\x11\x18"]);
  expect(bench.ask("x9000,2")).toEqual(["b\x03\x0a"]);
  expect(bench.heard()).toEqual(["read 9000", "m9000,2"]);
});

test("breakpoints travel with the resume, and only what has changed", () => {
  const bench = attached();
  for (const packet of ["Z0,1008,1", "Z1,1010,1", "vCont;c"]) bench.ask(packet);
  expect(bench.heard()).toEqual(["Z0,1008,1 Z1,1010,1 vCont;c"]);
  for (const packet of ["z0,1008,1", "z1,1010,1", "Z0,1008,1", "Z1,1010,1", "vCont;s:1"]) bench.ask(packet);
  expect(bench.heard()).toEqual(["vCont;s:1"]);
  for (const packet of ["z0,1008,1", "Z1,1010,1;X1,27", "vCont;s:1"]) bench.ask(packet);
  expect(bench.heard()).toEqual(["z0,1008,1 Z1,1010,1;X1,27 vCont;s:1"]);
});

test("a watchpoint is the cell's to take or refuse", () => {
  const bench = attached();
  expect(bench.ask("Z2,2ff8,8")).toEqual(["OK"]);
  expect(bench.ask("z2,2ff8,8")).toEqual(["OK"]);
  expect(bench.heard()).toEqual(["Z2,2ff8,8", "z2,2ff8,8"]);
});

test.each(["observer", "instructor"] as const)("an %s is told at once what becomes of a breakpoint", (role) => {
  const bench = attached({ role });
  bench.ask("Z0,1008,1");
  expect(bench.heard()).toEqual(["Z0,1008,1"]);
});

test("more breakpoints than fit into a request are asked for one by one", () => {
  const bench = attached();
  for (let n = 0; n < NEAR_BREAKPOINTS_MAX + 2; n += 1) bench.ask(`Z0,${(0x1000 + n).toString(16)},1`);
  expect(bench.heard().filter((message) => message.includes("Z0,"))).toHaveLength(2);
});

test("a resume that is refused leaves what is known, and the breakpoints are made sure of", () => {
  const bench = attached();
  bench.ask("Z0,1008,1");
  expect(bench.ask("vCont;t")).toEqual([""]);
  bench.ask("z0,1008,1");
  expect(bench.ask("?")).toEqual(["T05thread:01;"]);
  bench.heard();
  bench.ask("vCont;s:1");
  expect(bench.heard()).toEqual(["Z0,1008,1 z0,1008,1 vCont;s:1"]);
  expect(bench.cell.stub.inserted).toEqual([]);
});

test("a line for gdb's user comes before the answer to a monitor command", () => {
  const bench = attached();
  const lines = ["poked\n", "the counter\n"].map((line) => `O${hexOfBytes(line)}`);
  expect(bench.ask(`qRcmd,${hexOfBytes("poke")}`)).toEqual([...lines, "OK"]);
});

test("many packets that are answered here are told before they become too many", () => {
  const bench = attached();
  for (let n = 0; n < 2 * NEAR_NOTED_PACKETS_COUNT + 1; n += 1) bench.ask("g");
  expect(bench.heard()).toEqual(["noted", "noted"]);
  bench.agent.gdbLeft();
  expect(bench.cell.noted).toHaveLength(2 * NEAR_NOTED_PACKETS_COUNT + 1);
});

test("k is sent and not answered; what follows waits", () => {
  const bench = attached();
  bench.agent.packet("k");
  expect(bench.agent.takesPackets).toBe(false);
  expect(bench.taken()).toEqual([]);
  bench.agent.gdbLeft();
  expect(bench.heard()).toEqual(["k", "left"]);
});

test("after D nothing is answered here until gdb attaches again", () => {
  const bench = attached();
  expect(bench.ask("D")).toEqual(["OK"]);
  expect(bench.ask("g")).toEqual(["E01"]);
  expect(bench.ask("Z0,1008,1")).toEqual(["E01"]);
  expect(bench.ask("vAttach;1")).toEqual(["T05thread:01;"]);
  bench.heard();
  bench.ask("g");
  expect(bench.heard()).toEqual([]);
});

test("a gdb that has let go is not taken back when the link breaks off", () => {
  const bench = attached();
  bench.ask("D");
  bench.agent.lost();
  expect(bench.hungUp).toBe(true);
});

test("who cannot be served is told with the answer to the first packet", () => {
  const bench = new AgentBench();
  bench.agent.giveUp("session_ended: The session has ended");
  expect(bench.agent.takesPackets).toBe(true);
  bench.agent.packet("qSupported");
  expect(bench.taken()).toEqual(["E.session_ended: The session has ended"]);
  expect(bench.hungUp).toBe(true);
});

test("a longer read than the cell gives at a time is answered in part", () => {
  const bench = attached();
  expect(bench.ask("m1000,3000")[0]).toHaveLength(2 * NEAR_READ_BYTES_MAX);
});
