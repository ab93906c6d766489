import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attached, Bench } from "../testing/hub-bench.ts";

type Move =
  | { readonly kind: "attach" | "leave" | "interrupt" | "deliver" | "settle" | "stop" | "operator" | "gone" }
  | { readonly kind: "pause" | "resume" | "still" | "goOn" | "sleep" | "rejoin" }
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
    {
      weight: 3,
      arbitrary: fc.constantFrom<Move>(
        { kind: "pause" },
        { kind: "resume" },
        { kind: "still" },
        { kind: "goOn" },
        { kind: "sleep" },
        { kind: "rejoin" },
      ),
    },
  ),
  { maxLength: 60 },
);

function endStill(bench: Bench, here: Here): void {
  here.still = false;
  bench.stands = false;
  bench.hub.goOn();
}

interface Here {
  gdb: boolean;
  still: boolean;
}

function play(bench: Bench, move: Move, here: Here): void {
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
      if (bench.hub.isPaused && bench.hub.state !== "asleep") expect(bench.stub.running).toBe(false);
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
    case "pause":
    case "resume":
      bench.hub[move.kind]();
      break;
    case "still":
      if (here.still || bench.hub.state === "asleep") break;
      here.still = true;
      bench.hub.standStill();
      break;
    case "goOn":
      if (here.still) endStill(bench, here);
      break;
    case "sleep":
      if (bench.hub.state === "asleep") break;
      if (here.still && !bench.stands) break;
      if (here.still) bench.hub.sleep();
      else bench.sleep();
      here.still = false;
      bench.stands = false;
      break;
    case "rejoin":
      if (bench.hub.state === "asleep") bench.rejoin();
      break;
    default:
      move satisfies never;
  }
}

const disturbance = fc.constantFrom("none", "none", "pause", "still", "sleep");

/** What gdb must not notice. */
function disturb(bench: Bench, kind: string): void {
  if (kind === "none" || bench.hub.state === "parked") return;
  const before = bench.sent.length;
  const ran = bench.stub.running;
  if (kind === "pause") bench.hub.pause();
  else if (kind === "still") bench.hub.standStill();
  else bench.sleep();
  bench.settle();
  if (kind === "pause") bench.hub.resume();
  else if (kind === "still") bench.hub.goOn();
  else bench.rejoin();
  bench.stands = false;
  bench.settle();
  expect([bench.sent.length, bench.stub.running]).toEqual([before, ran]);
}

describe("the Hub, against a model of the stub", () => {
  it("writes nothing but one interrupt while the machine runs, nothing dangerous ever, and leaves no breakpoints", () => {
    fc.assert(
      fc.property(moves, (list) => {
        const bench = new Bench();
        const here = { gdb: false, still: false };
        play(bench, { kind: "attach" }, here);
        for (const move of list) play(bench, move, here);
        bench.settle();
        if (here.still) endStill(bench, here);
        bench.hub.resume();
        if (here.gdb) bench.hub.leave();
        bench.settle();
        if (bench.hub.state === "asleep") bench.rejoin();
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
      fc.property(
        fc.array(payloads, { maxLength: 40 }),
        fc.array(disturbance, { minLength: 1 }),
        (list, disturbances) => {
          const bench = attached();
          const inserted = new Set<string>();
          for (const payload of list) {
            if (!bench.hub.takesPackets) break;
            bench.stub.expected = /^(?:D|k|vKill)/.test(payload) ? new Set() : inserted;
            const [now = "none"] = disturbances.splice(0, 1);
            disturbances.push(now);
            disturb(bench, now);
            const replies = [...bench.ask(payload)];
            const breakpoint = /^([Zz])([^;]*)$/.exec(payload);
            if (breakpoint && replies[0] === "OK")
              inserted[breakpoint[1] === "Z" ? "add" : "delete"](breakpoint[2] ?? "");
            if (/^(?:D|k|vKill)/.test(payload)) inserted.clear();
            if (replies.length === 0 && payload !== "k") {
              disturb(bench, now);
              bench.stub.stop();
              bench.settle();
              expect(bench.sent.at(-1)).toMatch(/^T/);
              replies.push("stop");
            }
            expect(replies).toHaveLength(payload === "k" ? 0 : 1);
          }
          expect(bench.stub.faults).toEqual([]);
        },
      ),
    );
  });
});
