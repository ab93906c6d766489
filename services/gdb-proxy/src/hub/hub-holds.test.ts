import { describe, expect, it } from "vitest";
import { attached, Bench } from "../testing/hub-bench.ts";
import { StubModel } from "../testing/stub-model.ts";

describe("the Hub that holds a machine still", () => {
  it("pauses a machine with nobody attached, through a gdb's visit, until it is resumed", () => {
    const bench = new Bench();
    bench.hub.pause();
    bench.settle();
    expect([bench.stub.running, bench.hub.isQuiet]).toEqual([false, true]);
    bench.attach();
    expect(bench.ask("Z0,1000,1")).toEqual(["OK"]);
    expect(bench.ask("vCont;c")).toEqual([]);
    bench.gdb.leave();
    bench.settle();
    expect([bench.stub.running, bench.stub.breakpoints.size]).toEqual([false, 0]);
    bench.hub.resume();
    bench.settle();
    expect(bench.stub.running).toBe(true);
    expect(bench.stub.faults).toEqual([]);
  });

  it("keeps a gdb waiting through a pause: its run goes on afterwards, in its name", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.hub.pause();
    bench.settle();
    expect([bench.stub.running, bench.sent.at(-1)]).toEqual([false, "OK"]);
    bench.hub.resume();
    bench.settle();
    expect([bench.stub.running, bench.stub.breakpoints.size]).toEqual([true, 1]);
    expect(bench.events.at(-1)).toMatchObject({ type: "machine.resumed", connection: 1 });
    bench.stub.stop();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T05thread:01;");
  });

  it("answers Ctrl-C in a paused machine, and keeps what gdb has stopped when the pause ends", () => {
    const bench = attached();
    bench.hub.pause();
    expect(bench.ask("vCont;c")).toEqual([]);
    bench.gdb.interrupt();
    expect(bench.sent.at(-1)).toBe("T02thread:01;");
    bench.hub.resume();
    bench.settle();
    expect(bench.stub.running).toBe(false);
  });

  it("gives gdb a breakpoint that is hit while the machine is being stopped for a pause", () => {
    const bench = attached();
    bench.ask("vCont;c");
    bench.stub.stop();
    bench.hub.pause();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T05thread:01;");
  });

  it("does not go to an address twice", () => {
    const bench = attached();
    bench.ask("c1000");
    bench.hub.pause();
    bench.settle();
    bench.hub.resume();
    bench.settle();
    expect(bench.stub.packets.filter((payload) => /^c/.test(payload))).toEqual(["c1000", "c"]);
  });

  it("says nothing to the stub during a standstill, whoever comes and goes", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.hub.standStill();
    bench.settle();
    expect([bench.stands, bench.stub.running]).toEqual([true, false]);
    bench.gdb.interrupt();
    bench.gdb.leave();
    bench.settle();
    bench.attach();
    expect(bench.gdb.takesPackets).toBe(false);
    bench.stands = false;
    bench.hub.goOn();
    bench.settle();
    expect([bench.gdb.takesPackets, bench.faults]).toEqual([true, []]);
    bench.ask("vCont;c");
    expect([bench.stub.running, bench.stub.breakpoints.size]).toEqual([true, 0]);
  });

  it("lets a paused machine run that a former proxy has paused", () => {
    const bench = new Bench(new StubModel(false));
    bench.hub.resume();
    bench.settle();
    expect(bench.stub.running).toBe(true);
  });
});

describe("the Hub of a machine that sleeps", () => {
  it("wakes it for gdb's next packet, which finds registers, stop and breakpoints as they were", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("Z2,2000,8");
    const before = bench.events.length;
    bench.sleep();
    expect(bench.gdb.takesPackets).toBe(false);
    expect(bench.wakeAsked).toBe(false);
    bench.hub.packetWaits();
    expect(bench.wakeAsked).toBe(true);
    bench.rejoin();
    bench.settle();
    expect(bench.ask("?")).toEqual(["T05thread:01;"]);
    expect(bench.ask("g")[0]).toHaveLength(1216);
    expect([...bench.stub.breakpoints.keys()].sort()).toEqual(["0,1000,1", "2,2000,8"]);
    expect(bench.ask("z2,2000,8")).toEqual(["OK"]);
    expect(bench.events.slice(before).map(({ type }) => type)).not.toContain("machine.stopped");
    expect(bench.stub.faults).toEqual([]);
  });

  it("goes on with the run that gdb waits for", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.sleep();
    expect(bench.sent.at(-1)).toBe("OK");
    bench.rejoin();
    bench.settle();
    expect([bench.stub.running, bench.stub.breakpoints.size]).toEqual([true, 1]);
    bench.stub.stop();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T05thread:01;");
  });

  it("wakes it for Ctrl-C, and answers that", () => {
    const bench = attached();
    bench.ask("vCont;c");
    bench.sleep();
    bench.gdb.interrupt();
    expect(bench.wakeAsked).toBe(true);
    bench.rejoin();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T02thread:01;");
    expect(bench.stub.running).toBe(false);
  });

  it("leaves a machine alone that nobody holds, before and after", () => {
    const bench = new Bench();
    bench.sleep();
    bench.rejoin();
    expect(bench.settle()).toBeUndefined();
    expect([bench.stub.packets, bench.hub.state]).toEqual([[], "unconnected"]);
  });

  it("wakes it for a gdb that attaches, and stops it then", () => {
    const bench = new Bench();
    bench.sleep();
    bench.arrive();
    expect(bench.wakeAsked).toBe(true);
    bench.rejoin();
    bench.settle();
    expect(bench.gdb.takesPackets).toBe(true);
    expect(bench.types()).toEqual(["machine.stopped"]);
  });

  it("looks anew at a machine that has run since it was last seen to stop", () => {
    const stops = (bench: Bench) => bench.types().filter((type) => type === "machine.stopped").length;
    const ranOn = attached();
    ranOn.sleep();
    ranOn.gdb.leave();
    ranOn.arrive();
    ranOn.rejoin("runs");
    ranOn.settle();
    expect(stops(ranOn)).toBe(2);
    const parked = attached();
    parked.gdb.leave();
    parked.settle();
    parked.stub.stop();
    parked.settle();
    expect(parked.hub.state).toBe("parked");
    parked.sleep();
    parked.arrive();
    parked.rejoin("stands");
    parked.settle();
    expect(stops(parked)).toBe(2);
  });

  it("tells a gdb that waits why it does not wake", () => {
    const bench = attached();
    bench.ask("vCont;c");
    bench.sleep();
    bench.hub.attendance.giveUp("state_damaged: gone");
    expect(bench.sent.at(-1)).toBe("E.state_damaged: gone");
  });
});

describe("the Hub of a recorded machine", () => {
  const recorded = (): Bench => {
    const bench = new Bench(new StubModel(), { recording: true });
    bench.attach();
    return bench;
  };

  it("records how many instructions each stop and each write came after, with one question for a stop", () => {
    const bench = recorded();
    bench.ask("P10=0000000000000000");
    bench.ask("M1000,2:abcd");
    expect(bench.events.filter((event) => event.type === "machine.stopped")).toMatchObject([{ icount: 4321 }]);
    expect(bench.events.filter((event) => event.type === "machine.written")).toMatchObject([
      { icount: 4321, data: "P10=0000000000000000" },
      { icount: 4321, data: "M1000,2:abcd" },
    ]);
    expect(bench.stub.packets.filter((payload) => payload.startsWith("qRcmd"))).toHaveLength(1);
    const [packet, written, reply] = bench.types().slice(-3);
    expect([packet, written, reply]).toEqual(["gdb.packet", "machine.written", "gdb.reply"]);
  });

  it("asks again after each of a thousand steps", () => {
    const bench = recorded();
    for (let i = 0; i < 1_000; i += 1) {
      bench.ask("vCont;s:1;c");
      bench.stub.stop();
      bench.settle();
    }
    expect(bench.sent.at(-1)).toBe("T05thread:01;");
  });

  it("refuses a jump, which could not be done again", () => {
    const bench = recorded();
    expect(bench.ask("c1000")).toEqual(["E22"]);
    expect(bench.stub.running).toBe(false);
  });

  it("refuses a write where QEMU does not say how far it is", () => {
    const bench = new Bench(new StubModel(), { recording: true });
    bench.stub.instructions = null;
    bench.attach();
    expect(bench.ask("M1000,2:abcd")).toEqual(["E22"]);
    expect(bench.stub.packets.some((payload) => payload.startsWith("M"))).toBe(false);
  });
});
