import { describe, expect, it } from "vitest";
import { WATCHED_BYTES_MAX } from "../limits.ts";
import { attached, type Bench } from "../testing/hub-bench.ts";

const WRITTEN = "T05thread:01;watch:3000;";

/** A bench whose gdb watches 0x3000 for writes, and has let the machine run. */
function watching(insert: readonly string[] = ["Z2,3000,4"]): Bench {
  const bench = attached();
  for (const payload of insert) expect(bench.ask(payload)).toEqual(["OK"]);
  goOn(bench);
  return bench;
}

/** Makes every byte of memory this. */
function fill(bench: Bench, byte: string): void {
  bench.stub.memory = (bytes) => byte.repeat(bytes);
}

/** The machine writes there; what gdb is told of it. */
function write(bench: Bench, byte: string, reply = WRITTEN): readonly string[] {
  const before = bench.sent.length;
  fill(bench, byte);
  bench.stop(reply);
  return bench.sent.slice(before);
}

/** gdb lets the machine run. */
function goOn(bench: Bench): void {
  expect(bench.ask("vCont;c")).toEqual([]);
}

describe("a watchpoint for writes", () => {
  it("is no stop where nothing has changed: the machine goes on, and the misses are told with the next stop", () => {
    const bench = watching();
    for (let n = 0; n < 40; n += 1) expect(write(bench, "00")).toEqual([]);
    expect(bench.stub.running).toBe(true);
    expect(write(bench, "01")).toEqual([WRITTEN]);
    expect(bench.events.findLast(({ type }) => type === "machine.stopped")).toMatchObject({ misses: 40 });
    goOn(bench);
    expect(write(bench, "01")).toEqual([]);
    expect(write(bench, "00")).toEqual([WRITTEN]);
    expect(bench.stub.faults).toEqual([]);
  });

  it("is a stop where a debugger has written since, for gdb may compare with what was before", () => {
    const bench = watching();
    expect(write(bench, "01")).toEqual([WRITTEN]);
    bench.ask("M3000,1:05");
    goOn(bench);
    expect(write(bench, "01")).toEqual([WRITTEN]);
    goOn(bench);
    expect(write(bench, "01")).toEqual([]);
  });

  it("is a stop where it differs from what gdb was told last, also if it was inserted anew since", () => {
    const bench = watching();
    expect(write(bench, "01")).toEqual([WRITTEN]);
    fill(bench, "02");
    for (const payload of ["z2,3000,4", "Z2,3000,4"]) expect(bench.ask(payload)).toEqual(["OK"]);
    goOn(bench);
    expect(write(bench, "02")).toEqual([WRITTEN]);
    goOn(bench);
    expect(write(bench, "02")).toEqual([]);
  });

  it.each([
    ["of a range that is no one value", [`Z2,3000,${(WATCHED_BYTES_MAX + 1).toString(16)}`], WRITTEN],
    ["where reads are watched, too", ["Z2,3000,4", "Z4,3000,4"], WRITTEN],
    ["where only reads are watched", ["Z3,3000,4"], "T05thread:01;rwatch:3000;"],
    ["at a place that nobody watches", ["Z2,3000,4"], "T05thread:01;watch:4000;"],
  ] as const)("%s is always a stop", (_name, insert, reply) => {
    expect(write(watching(insert), "00", reply)).toEqual([reply]);
  });

  it("is a stop where it cannot be read", () => {
    const bench = watching();
    bench.stub.unreadable = true;
    expect(write(bench, "00")).toEqual([WRITTEN]);
  });

  it("is a stop at the end of a step", () => {
    const bench = attached();
    bench.ask("Z2,3000,4");
    expect(bench.ask("vCont;s:1;c")).toEqual([]);
    expect(write(bench, "00")).toEqual([WRITTEN]);
  });

  it("does not make a Ctrl-C wait", () => {
    const bench = watching();
    bench.stub.stop(WRITTEN);
    bench.gdb.interrupt();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T02thread:01;");
    expect([bench.stub.running, bench.stub.faults]).toEqual([false, []]);
  });
});
