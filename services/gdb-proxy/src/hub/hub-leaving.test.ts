import { describe, expect, it } from "vitest";
import { RECONNECT_MS } from "../limits.ts";
import { attached, Bench } from "../testing/hub-bench.ts";
import { StubModel } from "../testing/stub-model.ts";

const inStub = (bench: Bench) => [...bench.stub.breakpoints.keys()].sort();

describe("a gdb that hangs up without a word", () => {
  it("leaves a running machine running, with its breakpoints in for a while", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    const packets = bench.stub.packets.length;
    bench.gdb.leave();
    bench.settle();
    expect([bench.stub.running, bench.stub.packets.length]).toEqual([true, packets]);
    bench.pass(RECONNECT_MS - 1);
    expect(inStub(bench)).toEqual(["0,1000,1"]);
    bench.pass(1);
    expect([bench.stub.running, inStub(bench)]).toEqual([true, []]);
    expect([bench.hub.isQuiet, bench.timers, bench.stub.faults]).toEqual([true, 0, []]);
  });

  it("lets a standing machine run on, unless the lab says that it stays", () => {
    for (const [onDisconnect, runs] of [
      ["run", true],
      ["stay", false],
    ] as const) {
      const bench = attached({ onDisconnect });
      bench.ask("Z0,1000,1");
      bench.gdb.leave();
      bench.settle();
      expect([bench.stub.running, bench.hub.isFree, bench.hub.runsOn]).toEqual([runs, runs, runs]);
      if (runs) expect(inStub(bench)).toEqual(["0,1000,1"]);
      bench.pass(RECONNECT_MS);
      expect([bench.stub.running, inStub(bench)]).toEqual([runs, []]);
      expect(bench.hub.isQuiet).toBe(true);
      bench.hub.resume();
      bench.settle();
      expect(bench.stub.running).toBe(true);
    }
  });

  it("is waited for where its breakpoint is hit meanwhile, and the machine runs on when the time is up", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.gdb.leave();
    bench.stop();
    expect([bench.stub.running, bench.hub.state, bench.hub.isFree]).toEqual([false, "stopped", false]);
    expect(bench.types().at(-1)).toBe("machine.stopped");
    bench.pass(RECONNECT_MS);
    expect([bench.stub.running, inStub(bench)]).toEqual([true, []]);
  });

  it("finds its breakpoints when it comes back, and they go when it lets the machine run without them", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("Z0,2000,1");
    bench.ask("vCont;c");
    bench.gdb.leave();
    bench.stop();
    bench.attach();
    expect(bench.ask("?")).toEqual(["T05thread:01;"]);
    bench.pass(2 * RECONNECT_MS);
    expect(inStub(bench)).toEqual(["0,1000,1", "0,2000,1"]);
    bench.ask("Z0,2000,1");
    bench.ask("vCont;c");
    expect([bench.stub.running, inStub(bench)]).toEqual([true, ["0,2000,1"]]);
    bench.gdb.leave();
    bench.settle();
    bench.attach();
    bench.ask("D");
    expect([bench.stub.running, inStub(bench)]).toEqual([true, []]);
  });

  it("leaves nothing behind where the cell lets go", () => {
    const bench = attached({ onDisconnect: "run" });
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.hub.closing();
    bench.gdb.leave();
    bench.settle();
    expect([bench.stub.running, inStub(bench), bench.hub.isQuiet, bench.timers]).toEqual([true, [], true, 0]);
  });

  it("does not make the machine stand for what an operator does to it", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.gdb.leave();
    bench.stop("T02thread:01;");
    expect(bench.stub.running).toBe(true);
  });
});

describe("a near agent whose link broke off", () => {
  it("finds a machine that stood for it standing, but not for ever", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.gdb.leave("broke off");
    bench.settle();
    expect([bench.stub.running, bench.hub.isFree]).toEqual([false, false]);
    bench.attach({ again: { inserted: ["Z0,1000,1"], awaits: null } });
    expect(bench.gdb.takesPackets).toBe(true);
    bench.gdb.leave("broke off");
    bench.pass(RECONNECT_MS);
    expect([bench.stub.running, inStub(bench)]).toEqual([true, []]);
  });

  it("goes on waiting for the stop of its run, which goes on undisturbed", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    const packets = bench.stub.packets.length;
    bench.gdb.leave("broke off");
    bench.settle();
    const back = bench.attach({ again: { inserted: ["Z0,1000,1", "nonsense"], awaits: "vCont;c" } });
    expect([bench.stub.packets.length, bench.stub.running, back.sent]).toEqual([packets, true, []]);
    bench.stop();
    expect(back.sent).toEqual(["T05thread:01;"]);
    expect(bench.faults).toEqual([]);
  });

  it("is told the stop that came meanwhile", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.gdb.leave("broke off");
    bench.stop();
    const back = bench.attach({ again: { inserted: ["Z0,1000,1"], awaits: "vCont;c" }, describes: true });
    expect([back.sent, back.described.length]).toEqual([["T05thread:01;"], 1]);
    expect(bench.stub.running).toBe(false);
    expect(back.ask("vCont;c")).toEqual([]);
    expect(inStub(bench)).toEqual(["0,1000,1"]);
  });

  it("has its breakpoints put in and its run begun where the cell began anew, too", () => {
    const bench = new Bench(new StubModel());
    const back = bench.attach({ again: { inserted: ["Z0,1000,1", "Z2,2000,8"], awaits: "c1000" } });
    expect([bench.stub.running, inStub(bench), back.sent]).toEqual([true, ["0,1000,1", "2,2000,8"], []]);
    expect(bench.stub.packets.at(-1)).toBe("c");
    expect(bench.types().filter((type) => type === "gdb.packet")).toHaveLength(3);
    bench.stop();
    expect(back.sent).toEqual(["T05thread:01;"]);
  });
});

describe("kill", () => {
  it("asks for a fresh machine in the driver's name, says so, and lets go", () => {
    for (const payload of ["k", "vKill;1"]) {
      const bench = attached();
      const other = bench.attach({ role: "observer" });
      bench.pass(10_000);
      bench.ask("Z0,1000,1");
      expect(bench.ask(payload)).toEqual(payload === "k" ? [] : ["OK"]);
      expect([bench.resets, bench.stub.running, inStub(bench)]).toEqual([["usr_1"], true, []]);
      expect(bench.announced.join()).toContain("usr_1");
      expect(other.said.join()).toContain("usr_1");
    }
  });

  it("of an observer kills nothing", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    expect(other.ask("vKill;1")[0]).toMatch(/^E\.you observe/);
    expect(other.ask("k")).toEqual([]);
    expect([bench.resets, bench.stub.running]).toEqual([[], false]);
  });
});
