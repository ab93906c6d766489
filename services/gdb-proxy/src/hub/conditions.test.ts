import { describe, expect, it } from "vitest";
import { attached, Bench } from "../testing/hub-bench.ts";
import { StubModel } from "../testing/stub-model.ts";

const STOP = "T05thread:01;";
/** gdb's bytecode: const8 n, end; and `$rip == n`-like: reg 16, const32, equal, end. */
const constant = (value: number) => `X3,22${value.toString(16).padStart(2, "0")}27`;
const pcIs = (address: number) => `Xa,26001024${address.toString(16).padStart(8, "0")}1327`;
const memoryIs = (value: number) => `X7,22001722${value.toString(16).padStart(2, "0")}1327`;

/** A bench whose machine comes by a breakpoint at 0x1000 so many times, and then by one at 0x2000. */
function passing(times: number, options: { recording?: boolean } = {}): Bench {
  const bench = new Bench(new StubModel(), options);
  bench.attach();
  bench.stub.path = [...Array.from({ length: times }, () => [0x1000n, 0x1001n]).flat(), 0x2000n];
  return bench;
}

const stops = (bench: Bench) => bench.events.filter((event) => event.type === "machine.stopped");

describe("a breakpoint's condition", () => {
  it("that does not hold is no stop to anybody: the machine goes on, and the misses are told with the next stop", () => {
    const bench = passing(20);
    bench.ask(`Z0,1000,1;${constant(0)}`);
    bench.ask("Z0,2000,1");
    bench.events.length = 0;
    expect(bench.ask("vCont;c")).toEqual([STOP]);
    expect(bench.stub.pc).toBe(0x2000n);
    expect(bench.types()).toEqual(["gdb.packet", "machine.resumed", "machine.stopped", "gdb.reply"]);
    expect(stops(bench)[0]).toMatchObject({ misses: 20 });
    expect(bench.stub.faults).toEqual([]);
  });

  it.each([
    ["that holds", constant(1)],
    ["one of which holds", `${constant(0)}${pcIs(0x1000)}`],
    ["with an operation that is not known", "X2,ff27"],
    ["that does not end", "X1,22"],
    ["on what cannot be read", "X4,22001927"],
  ])("%s is a stop", (_name, extra) => {
    const bench = passing(3);
    bench.stub.unreadable = true;
    bench.ask(`Z0,1000,1;${extra}`);
    expect(bench.ask("vCont;c")).toEqual([STOP]);
    expect(bench.stub.pc).toBe(0x1000n);
    expect(stops(bench).at(-1)).not.toHaveProperty("misses");
  });

  it("reads registers and memory as they are at the stop", () => {
    const bench = passing(3);
    bench.ask(`Z0,1000,1;${memoryIs(7)}${pcIs(0x1234)}`);
    bench.ask("Z0,2000,1");
    bench.ask("vCont;c");
    expect([bench.stub.pc, stops(bench).at(-1)]).toMatchObject([0x2000n, { misses: 3 }]);
    const hit = passing(3);
    hit.ask(`Z0,1000,1;${memoryIs(0)}`);
    hit.ask("vCont;c");
    expect(hit.stub.pc).toBe(0x1000n);
  });

  it("stops where another has inserted the same place without one", () => {
    const bench = passing(3);
    const teacher = bench.attach({ role: "instructor" });
    teacher.ask(`qRcmd,${Buffer.from("take").toString("hex")}`);
    teacher.ask("Z0,1000,1");
    teacher.ask(`qRcmd,${Buffer.from("give").toString("hex")}`);
    bench.ask(`Z0,1000,1;${constant(0)}`);
    expect(bench.ask("vCont;c")).toEqual([STOP]);
    expect(bench.stub.pc).toBe(0x1000n);
  });

  it("can be given up with Ctrl-C between any two misses", () => {
    for (let deliveries = 0; deliveries < 12; deliveries += 1) {
      const bench = passing(10_000);
      bench.ask(`Z0,1000,1;${constant(0)}`);
      bench.send("vCont;c");
      for (let i = 0; i < deliveries; i += 1) bench.deliver();
      bench.gdb.interrupt();
      bench.settle();
      expect(bench.sent.at(-1)).toBe("T02thread:01;");
      expect([bench.hub.state, bench.stub.faults]).toEqual(["stopped", []]);
      expect(bench.ask("g")[0]).toHaveLength(1216);
    }
  });

  it("does not hide what happens in the step over it", () => {
    const bench = attached();
    bench.stub.path = [0x1000n];
    bench.ask(`Z0,1000,1;${constant(0)}`);
    bench.send("vCont;c");
    for (let i = 0; i < 10 && bench.deliver(); i += 1);
    expect(bench.hub.state).toBe("stepping");
    bench.stop("T05thread:01;watch:3000;");
    expect(bench.sent.at(-1)).toBe("T05thread:01;watch:3000;");
    expect(stops(bench).at(-1)).toMatchObject({ misses: 1 });
  });

  it("is weighed in a range, too", () => {
    const bench = attached();
    bench.stub.path = [0x1001n, 0x1002n, 0x1003n, 0x1010n];
    bench.ask(`Z0,1002,1;${constant(0)}`);
    expect(bench.ask("vCont;r1000,1010:1;c")).toEqual([STOP]);
    expect([bench.stub.pc, stops(bench).at(-1)]).toMatchObject([0x1010n, { misses: 1, steps: 4 }]);
  });

  it("holds back a pause of the cell's own no more than a moment", () => {
    const bench = passing(10_000);
    bench.ask(`Z0,1000,1;${constant(0)}`);
    bench.send("vCont;c");
    for (let i = 0; i < 9; i += 1) bench.deliver();
    bench.hub.pause();
    bench.settle();
    expect([bench.hub.state, bench.stub.running]).toEqual(["stopped", false]);
    expect(bench.sent).toHaveLength(1);
  });

  it("of a gdb that has gone still holds back its breakpoint", () => {
    const bench = passing(50);
    bench.ask(`Z0,1000,1;${constant(0)}`);
    bench.send("vCont;c");
    bench.gdb.leave();
    bench.settle();
    expect([bench.stub.running, bench.hub.state, bench.stub.path]).toEqual([true, "running", []]);
  });

  it("is answered to a recorded machine's gdb with where it is", () => {
    const bench = passing(2, { recording: true });
    bench.ask(`Z0,1000,1;${constant(0)}`);
    bench.ask("Z0,2000,1");
    bench.ask("vCont;c");
    expect(stops(bench).at(-1)).toMatchObject({ misses: 2, icount: 4321 });
  });
});
