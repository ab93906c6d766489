import { RingsideError } from "@ringside/shared";
import { describe, expect, it } from "vitest";
import { attached } from "../testing/hub-bench.ts";

describe("the Hub", () => {
  it("stops the machine when a gdb attaches, and records the stop before the first packet", () => {
    const bench = attached();
    expect(bench.hub.state).toBe("stopped");
    expect(bench.types()).toEqual(["machine.stopped"]);
    expect(bench.stub.packets.slice(0, 2)).toEqual(["qSupported:xmlRegisters=i386", "?"]);
    expect(bench.ask("?")).toEqual(["T05thread:01;"]);
    expect(bench.stub.packets.filter((payload) => payload === "?")).toHaveLength(1);
  });

  it("records packet, resume, stop and reply in this order", () => {
    const bench = attached();
    bench.events.length = 0;
    expect(bench.ask("vCont;c")).toEqual([]);
    bench.stub.stop();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T05thread:01;");
    expect(bench.types()).toEqual(["gdb.packet", "machine.resumed", "machine.stopped", "gdb.reply"]);
  });

  it("answers g from the stop until something may have changed it", () => {
    const bench = attached();
    const asked = () => bench.stub.packets.filter((payload) => payload === "g").length;
    const before = asked();
    expect(bench.ask("g")[0]).toHaveLength(1216);
    expect(asked()).toBe(before);
    bench.ask("P10=0000000000000000");
    bench.ask("g");
    expect(asked()).toBe(before + 1);
  });

  it("after a single step reads the registers and nothing else", () => {
    const bench = attached();
    bench.stub.packets.length = 0;
    bench.ask("vCont;s:1;c");
    bench.stub.stop();
    bench.settle();
    expect(bench.stub.packets).toEqual(["vCont;s:1;c", "g"]);
    expect(bench.events.findLast((event) => event.type === "machine.stopped")).toMatchObject({ frames: [] });
  });

  it("sends one interrupt however often gdb asks", () => {
    const bench = attached();
    bench.ask("vCont;c");
    for (let i = 0; i < 5; i += 1) bench.gdb.interrupt();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T02thread:01;");
    expect(bench.stub.faults).toEqual([]);
  });

  it("keeps a Ctrl-C that arrives between two steps, but not for long", () => {
    const bench = attached();
    bench.gdb.interrupt();
    bench.nowMs += 10;
    expect(bench.ask("vCont;s:1;c")).toEqual(["T02thread:01;"]);
    expect(bench.stub.running).toBe(false);
    bench.gdb.interrupt();
    bench.nowMs += 60_000;
    expect(bench.ask("vCont;c")).toEqual([]);
    expect(bench.stub.running).toBe(true);
  });

  it.each([
    ["D", ["OK"]],
    ["D;1", ["OK"]],
    ["vKill;1", ["OK"]],
    ["k", []],
  ])("on %s removes this gdb's breakpoints and lets the machine run on", (payload, replies) => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("Z2,2000,8");
    expect(bench.ask(payload)).toEqual(replies);
    expect(bench.stub.running).toBe(true);
    expect(bench.stub.breakpoints.size).toBe(0);
    expect(bench.events.findLast((event) => event.type === "machine.resumed")).toMatchObject({ connection: 0 });
    expect(bench.ask("m0,4")).toEqual(["E01"]);
    expect(bench.ask("vAttach;1")).toEqual(["T02thread:01;"]);
    expect(bench.stub.faults).toEqual([]);
  });

  it("gives the next gdb neither the answers nor the breakpoints of one that left in the middle", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("Z2,2000,8");
    bench.send("m1000,8");
    bench.gdb.leave();
    bench.arrive();
    const before = bench.sent.length;
    bench.settle();
    expect(bench.sent).toHaveLength(before);
    bench.ask("vCont;c");
    expect([bench.stub.running, bench.stub.breakpoints.size]).toEqual([true, 0]);
    expect(bench.faults).toEqual([]);
  });

  it("leaves a machine alone that somebody else stopped, and connects anew for the next gdb", () => {
    const bench = attached();
    bench.ask("D");
    bench.gdb.leave();
    bench.stub.stop("T02thread:01;");
    bench.settle();
    expect([bench.hub.state, bench.stub.running]).toEqual(["parked", false]);
    bench.stub.running = true;
    bench.attach();
    expect(bench.ask("m0,1")).toEqual(["00"]);
    expect(bench.stub.faults).toEqual([]);
  });

  it("refuses a second gdb and serves the first", () => {
    const bench = attached();
    expect(() => bench.arrive()).toThrow(expect.objectContaining({ code: "debugger_busy" }));
    expect(bench.ask("qC")).toEqual(["OK"]);
  });

  it("tells a gdb that waits that the machine has gone", () => {
    const bench = attached();
    bench.ask("vCont;c");
    bench.hub.gone(new RingsideError("machine_gone"));
    expect(bench.sent.at(-1)).toBe("W00");
    expect(bench.gdb.ended?.code).toBe("machine_gone");
    expect(() => bench.arrive()).toThrow(expect.objectContaining({ code: "machine_gone" }));
  });

  it("gives gdb the stub's error to a resume, and stays stopped", () => {
    const bench = attached();
    bench.send("vCont;c:5");
    bench.stub.running = false;
    bench.hub.stubPacket("E22");
    expect(bench.sent.at(-1)).toBe("E22");
    expect(bench.hub.state).toBe("stopped");
  });

  it("forwards nothing that could not be recorded", () => {
    const bench = attached();
    bench.stub.packets.length = 0;
    bench.failToRecord();
    expect(() => bench.send("m0,4")).toThrow("full");
    expect(bench.stub.packets).toEqual([]);
  });

  it("gives up a stub that sends what nobody asked for", () => {
    const bench = attached();
    bench.ask("vCont;c");
    expect(() => {
      for (let i = 0; i < 1_000; i += 1) bench.hub.stubPacket("O4142");
    }).toThrow(expect.objectContaining({ code: "machine_unresponsive" }));
  });
});
