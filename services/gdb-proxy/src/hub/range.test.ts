import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RANGE_STEPS_MAX, RANGE_STEPS_PER_TURN_MAX } from "../limits.ts";
import { attached, Bench } from "../testing/hub-bench.ts";
import { registersHex, StubModel } from "../testing/stub-model.ts";
import type { Cut, Journey } from "./conversation.ts";
import { type RangeEnd, stepRange } from "./range.ts";

const STEP = "T05thread:01;";
const range = { start: 0x1000n, end: 0x1010n, payload: "vCont;s:1;c" };
const place = (address: bigint) => ({
  breakpoint: { type: "software", address, length: 1 } as const,
  conditions: [] as Uint8Array[],
});

/** 64 bits as the stub writes them. */
function littleEndian(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString("hex");
}

interface Travelled extends RangeEnd {
  readonly rests: number;
  /** Where it ended. */
  readonly pc: bigint;
}

/** Travels along `path`, which says where each step leads. */
function travel(
  pathAt: (step: number) => bigint,
  {
    breakpoints = [] as readonly bigint[],
    replyAt = (_step: number): string => STEP,
    cut = { wanted: false } as Cut,
    cutAt = -1,
  } = {},
): Travelled {
  const at = (address: bigint) => (breakpoints.includes(address) ? [place(address)] : []);
  const journey: Journey<RangeEnd> = stepRange(range, { arch: "x86_64", at }, cut);
  let [steps, rests, pc] = [0, 0, 0n];
  let next = journey.next("");
  while (!next.done) {
    const stride = next.value;
    if (stride.kind === "rest") {
      rests += 1;
      next = journey.next("");
    } else if (stride.kind === "step") {
      if (stride.payload !== range.payload) throw new Error(stride.payload);
      pc = pathAt(steps);
      steps += 1;
      if (steps === cutAt) cut.wanted = true;
      next = journey.next(replyAt(steps));
    } else {
      next = journey.next(stride.payload === "g" ? registersHex({ rip: pc }) : littleEndian(pc));
    }
  }
  return { ...next.value, rests, pc };
}

describe("stepping through a range", () => {
  it("ends behind it, before it, or at its end, which is outside", () => {
    for (const outside of [0x1010n, 0xfffn, 0n]) {
      const end = travel((step) => (step < 5 ? 0x1000n + BigInt(step) : outside));
      expect(end).toMatchObject({ how: "step", steps: 6, reply: STEP, pc: outside });
    }
  });

  it("takes at least one step, whatever the range", () => {
    expect(travel(() => 0x5000n)).toMatchObject({ how: "step", steps: 1 });
  });

  it("ends at a breakpoint, which a single step of QEMU's passes over", () => {
    const end = travel((step) => 0x1000n + BigInt(step % 8), { breakpoints: [0x1004n] });
    expect(end).toMatchObject({ how: "breakpoint", steps: 5, pc: 0x1004n });
  });

  it.each([["T05thread:01;watch:2000;"], ["T02thread:01;"], ["T05thread:02;"], ["T0bthread:01;"]])(
    "ends at any other stop: %s",
    (reply) => {
      const end = travel(() => 0x1001n, { replyAt: (step) => (step < 3 ? STEP : reply) });
      expect(end).toMatchObject({ how: "breakpoint", steps: 3, reply });
    },
  );

  it("asks a 32-bit machine for its own program counter", () => {
    const journey = stepRange(range, { arch: "i386", at: () => [] }, { wanted: false });
    journey.next("");
    expect(journey.next(STEP).value).toEqual({ kind: "ask", payload: "p8" });
    expect(journey.next("04100000").value).toMatchObject({ kind: "step" });
  });

  it("gives back the stub's error", () => {
    expect(travel(() => 0n, { replyAt: () => "E22" })).toMatchObject({ how: "refused", reply: "E22", steps: 0 });
  });

  it("ends soon after somebody wants it to, wherever it is then", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.boolean(), (cutAt, interrupted) => {
        const replyAt = (step: number) => (interrupted && step === cutAt ? "T02thread:01;" : STEP);
        expect(travel(() => 0x1001n, { cutAt, replyAt })).toMatchObject({ how: "cut", steps: cutAt });
      }),
    );
  });

  it("gives way again and again, and ends some day", () => {
    const end = travel(() => 0x1001n);
    expect(end).toMatchObject({ how: "step", steps: RANGE_STEPS_MAX });
    expect(end.rests).toBe(Math.floor((RANGE_STEPS_MAX - 1) / RANGE_STEPS_PER_TURN_MAX));
  });
});

/** A bench whose machine goes round a loop of eight instructions from 0x1000, so many times. */
function looping(rounds: number, recording = false): Bench {
  const stub = new StubModel();
  const bench = new Bench(stub, { recording });
  bench.attach();
  stub.pc = 0x1000n;
  stub.path = Array.from({ length: rounds * 8 }, (_, i) => 0x1000n + BigInt((i + 1) % 8)).concat([0x1010n]);
  return bench;
}

describe("gdb's vCont;r", () => {
  it("is one exchange and one stop, with the count of its steps", () => {
    const bench = looping(5);
    bench.events.length = 0;
    expect(bench.ask("vCont;r1000,1010:1;c")).toEqual([STEP]);
    expect(bench.types()).toEqual(["gdb.packet", "machine.resumed", "machine.stopped", "gdb.reply"]);
    expect(bench.events[1]).toMatchObject({ connection: 1, action: "range" });
    expect(bench.events[2]).toMatchObject({ steps: 41, frames: [] });
    expect(bench.stub.packets.filter((payload) => payload.startsWith("vCont"))).toHaveLength(41);
    expect(bench.stub.faults).toEqual([]);
    expect(bench.hub.state).toBe("stopped");
  });

  it("says of a recorded machine how far it is at its end", () => {
    const bench = looping(1, true);
    bench.ask("vCont;r1000,1010:1;c");
    expect(bench.events.at(-2)).toMatchObject({ type: "machine.stopped", steps: 9, icount: 4321 });
  });

  it("ends at another debugger's breakpoint", () => {
    const bench = looping(5);
    bench.ask("Z0,1003,1");
    expect(bench.ask("vCont;r1000,1010:1;c")).toEqual([STEP]);
    expect([bench.stub.pc, bench.events.at(-2)]).toMatchObject([0x1003n, { steps: 3 }]);
  });

  it("can be interrupted at any time: in a step with one 0x03, between two with none", () => {
    for (let deliveries = 0; deliveries < 12; deliveries += 1) {
      const bench = looping(100);
      bench.send("vCont;r1000,1010:1;c");
      for (let i = 0; i < deliveries; i += 1) bench.deliver();
      expect(bench.hub.state).toBe("stepping");
      bench.gdb.interrupt();
      bench.gdb.interrupt();
      bench.settle();
      expect(bench.sent).toEqual(["T02thread:01;"]);
      expect(bench.stub.faults).toEqual([]);
    }
    const stuck = attached();
    stuck.stub.path = [];
    stuck.send("vCont;r1000,1010:1;c");
    stuck.settle();
    stuck.gdb.interrupt();
    stuck.settle();
    expect(stuck.sent).toEqual(["T02thread:01;"]);
    expect(stuck.events.at(-2)).toMatchObject({ type: "machine.stopped", steps: 1 });
  });

  it("goes on after a pause of the cell's own, unnoticed", () => {
    const bench = looping(10);
    bench.send("vCont;r1000,1010:1;c");
    for (let i = 0; i < 7; i += 1) bench.deliver();
    bench.hub.pause();
    bench.settle();
    expect([bench.sent.length, bench.hub.state]).toEqual([0, "stopped"]);
    bench.hub.resume();
    bench.settle();
    expect([bench.sent, bench.stub.pc]).toEqual([[STEP], 0x1010n]);
  });

  it("of a gdb that hangs up is given up, and the machine runs on", () => {
    const bench = looping(10);
    bench.send("vCont;r1000,1010:1;c");
    bench.deliver();
    bench.gdb.leave();
    bench.settle();
    expect(bench.stub.packets.filter((payload) => payload.startsWith("vCont;s"))).toHaveLength(1);
    expect([bench.stub.running, bench.hub.state]).toEqual([true, "running"]);
    expect(bench.stub.faults).toEqual([]);
  });
});
