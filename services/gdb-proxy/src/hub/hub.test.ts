import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attached, Bench } from "../testing/hub-bench.ts";

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
    for (let i = 0; i < 5; i += 1) bench.hub.interrupt();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T02thread:01;");
    expect(bench.stub.faults).toEqual([]);
  });

  it("keeps a Ctrl-C that arrives between two steps, but not for long", () => {
    const bench = attached();
    bench.hub.interrupt();
    bench.nowMs += 10;
    expect(bench.ask("vCont;s:1;c")).toEqual(["T02thread:01;"]);
    expect(bench.stub.running).toBe(false);
    bench.hub.interrupt();
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

  it("stops a running machine to take out the breakpoints of a gdb that vanished", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    bench.hub.leave();
    bench.settle();
    expect([bench.stub.running, bench.stub.breakpoints.size]).toEqual([true, 0]);
    expect(bench.hub.isQuiet).toBe(true);
    bench.attach();
    expect(bench.hub.state).toBe("stopped");
  });

  it("gives the next gdb neither the answers nor the breakpoints of one that left in the middle", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("Z2,2000,8");
    bench.send("m1000,8");
    bench.hub.leave();
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
    bench.hub.leave();
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
    expect(() => bench.hub.attach(2)).toThrow(expect.objectContaining({ code: "debugger_busy" }));
    expect(bench.ask("qC")).toEqual(["OK"]);
  });

  it("tells a gdb that waits that the machine has gone", () => {
    const bench = attached();
    bench.ask("vCont;c");
    bench.hub.gone();
    expect(bench.sent.at(-1)).toBe("W00");
    expect(bench.closed).toBe(1);
    expect(() => bench.hub.attach(2)).toThrow(expect.objectContaining({ code: "machine_gone" }));
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

type Move =
  | { readonly kind: "attach" | "leave" | "interrupt" | "deliver" | "settle" | "stop" | "operator" | "gone" }
  | { readonly kind: "packet" | "ask"; readonly payload: string };

const PAYLOADS = [
  ...["g", "?", "m1000,8", "m1000,1600", "M1000,2:abcd", "P10=00", "G00", "p10", "Z0,1000,1", "Z0,2000,1", "Z2,3000,8"],
  ...[
    "z0,1000,1",
    "z2,3000,8",
    "vCont;c",
    "vCont;s:1;c",
    "vCont;C05:1",
    "c",
    "s",
    "C05",
    "Hg1",
    "T1",
    "qC",
    "qfThreadInfo",
  ],
  ...["D", "k", "vKill;1", "vAttach;1", "!", "vCont?", "qSupported:multiprocess+", "QStartNoAckMode", "qAttached"],
  ...[
    "qRcmd,6d69677261746520657865633a6964",
    "bs",
    "bc",
    "F1",
    "R00",
    "vRun;00",
    "Qqemu.PhyMemMode:1",
    "qqemu.sstep",
    "X0,1:a",
  ],
  ...[
    "x0,4",
    "vFile:open:00",
    "vCont;t",
    "vCont;r1,2:1",
    "qXfer:features:read:target.xml:0,100",
    "nonsense",
    "",
    "Z0,1000,1;X1,00",
  ],
];

/** The packets after which most can go wrong. */
const TELLING = ["Z0,1000,1", "Z2,3000,8", "vCont;c", "vCont;c", "vCont;s:1;c"];
const payloads = fc.oneof(fc.constantFrom(...TELLING), fc.constantFrom(...PAYLOADS));
const moves = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: payloads.map((payload): Move => ({ kind: "ask", payload })) },
    { weight: 2, arbitrary: payloads.map((payload): Move => ({ kind: "packet", payload })) },
    { weight: 2, arbitrary: fc.constantFrom<Move>({ kind: "deliver" }, { kind: "settle" }) },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Move>({ kind: "attach" }, { kind: "leave" }, { kind: "interrupt" }, { kind: "stop" }),
    },
    { weight: 1, arbitrary: fc.constant<Move>({ kind: "operator" }) },
  ),
  { maxLength: 60 },
);

function play(bench: Bench, move: Move, here: { gdb: boolean }): void {
  switch (move.kind) {
    case "attach":
      if (here.gdb) expect(() => bench.hub.attach(99)).toThrow(expect.objectContaining({ code: "debugger_busy" }));
      else bench.arrive();
      here.gdb = true;
      break;
    case "leave":
      if (here.gdb) bench.hub.leave();
      here.gdb = false;
      break;
    case "packet":
      if (bench.hub.takesPackets) bench.send(move.payload);
      break;
    case "ask":
      if (bench.hub.takesPackets) bench.ask(move.payload);
      break;
    case "interrupt":
      bench.hub.interrupt();
      break;
    case "deliver":
      bench.deliver();
      break;
    case "settle":
      bench.settle();
      break;
    case "stop":
      bench.stub.stop();
      break;
    case "operator":
      // QMP stop and cont: the stub reports the first only.
      if (!here.gdb && bench.hub.state === "running") {
        bench.stub.stop("T02thread:01;");
        bench.settle();
        if (String(bench.hub.state) === "parked") bench.stub.running = true;
      }
      break;
    case "gone":
      bench.hub.gone();
      break;
    default:
      move satisfies never;
  }
}

describe("the Hub, against a model of the stub", () => {
  it("writes nothing but one interrupt while the machine runs, nothing dangerous ever, and leaves no breakpoints", () => {
    fc.assert(
      fc.property(moves, (list) => {
        const bench = new Bench();
        const here = { gdb: false };
        play(bench, { kind: "attach" }, here);
        for (const move of list) play(bench, move, here);
        bench.settle();
        if (here.gdb) bench.hub.leave();
        bench.settle();
        expect(bench.stub.faults).toEqual([]);
        expect(bench.faults).toEqual([]);
        expect(["unconnected", "running", "parked"]).toContain(bench.hub.state);
        expect(bench.stub.breakpoints.size).toBe(0);
        if (bench.hub.state === "running") expect(bench.stub.running).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("answers each packet of a patient gdb exactly once, and runs with its breakpoints and no others", () => {
    fc.assert(
      fc.property(fc.array(payloads, { maxLength: 40 }), (list) => {
        const bench = attached();
        const inserted = new Set<string>();
        for (const payload of list) {
          if (!bench.hub.takesPackets) break;
          bench.stub.expected = /^(?:D|k|vKill)/.test(payload) ? new Set() : inserted;
          const replies = [...bench.ask(payload)];
          const breakpoint = /^([Zz])([^;]*)$/.exec(payload);
          if (breakpoint && replies[0] === "OK")
            inserted[breakpoint[1] === "Z" ? "add" : "delete"](breakpoint[2] ?? "");
          if (/^(?:D|k|vKill)/.test(payload)) inserted.clear();
          if (replies.length === 0 && payload !== "k") {
            bench.stub.stop();
            bench.settle();
            expect(bench.sent.at(-1)).toMatch(/^T/);
            replies.push("stop");
          }
          expect(replies).toHaveLength(payload === "k" ? 0 : 1);
        }
        expect(bench.stub.faults).toEqual([]);
      }),
    );
  });
});
