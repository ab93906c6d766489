import { hexOfBytes } from "@ringside/rsp";
import { describe, expect, it } from "vitest";
import { Bench } from "../testing/hub-bench.ts";
import { StubModel } from "../testing/stub-model.ts";

const STARTED = 0xffff_ffff_81ae_9c3cn;

/** A machine whose processor has not executed anything. */
function atPowerOn(): Bench {
  const stub = new StubModel(false);
  stub.pc = 0xfff0n;
  stub.cs = 0xf000n;
  return new Bench(stub);
}

/** It runs, and is somewhere else by then. */
function boots(bench: Bench): void {
  bench.stub.pc = STARTED;
  bench.stub.cs = 0x10n;
}

describe("a machine that waits at power-on", () => {
  it("does not run for those who only look, nor for a pause that ends", () => {
    const bench = atPowerOn();
    const observer = bench.attach({ role: "observer" });
    expect(observer.ask("g")[0]).toContain("f0ff000000000000");
    expect([bench.stub.running, bench.hub.runsOn]).toEqual([false, false]);
    bench.hub.pause();
    bench.settle();
    bench.hub.resume();
    bench.settle();
    expect(bench.stub.running).toBe(false);
    observer.leave();
    bench.settle();
    expect([bench.stub.running, bench.hub.isQuiet, bench.stub.faults]).toEqual([false, true, []]);
  });

  it("runs when its driver says so, and nothing is concluded from where it stood", () => {
    const bench = atPowerOn();
    bench.attach();
    expect(bench.stub.running).toBe(false);
    expect(bench.stub.packets.filter((packet) => packet.startsWith("m"))).toEqual([]);
    expect(bench.events.find(({ type }) => type === "machine.stopped")).toMatchObject({ frames: [] });
    bench.ask("vCont;c");
    expect(bench.stub.running).toBe(true);
  });

  it("runs on when its driver goes, by a detach or without a word, and stands no more afterwards", () => {
    for (const goes of ["detaches", "hangs up"] as const) {
      const bench = atPowerOn();
      const driver = bench.attach();
      if (goes === "detaches") driver.ask("D");
      driver.leave();
      bench.settle();
      expect([goes, bench.stub.running]).toEqual([goes, true]);
      boots(bench);
      const observer = bench.attach({ role: "observer" });
      observer.leave();
      bench.settle();
      expect([bench.stub.running, bench.hub.isFree, bench.stub.faults]).toEqual([true, true, []]);
    }
  });

  it("is let run by an instructor who took the seat, and does not wait for a driver then", () => {
    const bench = atPowerOn();
    const instructor = bench.attach({ role: "instructor" });
    expect(bench.stub.running).toBe(false);
    instructor.ask(`qRcmd,${hexOfBytes("take")}`);
    instructor.ask("vCont;c");
    expect(bench.stub.running).toBe(true);
    boots(bench);
    instructor.leave();
    bench.settle();
    expect([bench.stub.running, bench.hub.isFree]).toEqual([true, true]);
  });
});
