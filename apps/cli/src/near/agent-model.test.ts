import { hexOfBytes } from "@ringside/rsp";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hexLine } from "./knowledge.ts";
import { AgentBench, type BenchOptions } from "./testing/agent-bench.ts";
import { ModelStub } from "./testing/model-stub.ts";

// Whatever gdb sends, it gets the bytes that the stub itself would have given.

type Move =
  | { readonly kind: "packet"; readonly payload: string }
  /** Somebody else writes; the link breaks off while gdb thinks, or while it waits. */
  | { readonly kind: "others" | "cut" | "cut while waiting" };

const hex = (value: number | bigint) => value.toString(16);
const ADDRESSES = [
  ...[0x1000n, 0x1ffcn, 0x2ff8n, 0x2ff0n, 0x4fffn, 0x5000n, 0x8fffn, 0x9000n, 0x97f0n, 0x9800n, 0n],
  ...[0xffff_8880_0000_3fc0n, 0xffff_8880_0000_0ffen, 0xffff_ffff_ffff_fff0n],
];
const address = fc.constantFrom(...ADDRESSES);
const reads = fc
  .tuple(address, fc.constantFrom(0, 1, 8, 64, 0x1000, 0x1600, 0x1ff0, 0x2400))
  .map(([at, n]) => `m${hex(at)},${hex(n)}`);
const writes = fc.oneof(
  fc
    .tuple(address, fc.constantFrom("00", "deadbeef"))
    .map(([at, data]) => `M${hex(at)},${hex(data.length / 2)}:${data}`),
  fc.constantFrom("P10=0010000000000000", "P0=ffffffffffffffff", "P99=00", "G00112233"),
  fc.constantFrom(`qRcmd,${hexOfBytes("poke")}`, `qRcmd,${hexOfBytes("look")}`),
);
const places = fc.tuple(
  fc.constantFrom("Z", "z"),
  fc.constantFrom("0,1008,1", "0,1010,1", "1,1020,1", "0,2000,1", "0,1008,1;X1,27", "2,2ff8,8"),
);
const insertions = places.map(([letter, place]) => (letter === "Z" ? `Z${place}` : `z${place.split(";")[0]}`));
const resumes = fc.constantFrom(
  "vCont;c",
  "vCont;s:1;c",
  "c",
  "s",
  "vCont;r1000,1006:1",
  "vCont;r1004,1020:1",
  "vCont;t",
);
const packets = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("g", "p10", "p7", "p0", "p3a", "p99") },
  { weight: 8, arbitrary: reads },
  { weight: 3, arbitrary: writes },
  { weight: 5, arbitrary: insertions },
  { weight: 6, arbitrary: resumes },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...["Hg0", "Hg1", "Hg2", "Hg9", "Hc-1", "Hc1", "T1", "T2", "T7", "qC", "qfThreadInfo", "qsThreadInfo"],
      ...[
        "?",
        "!",
        "qAttached",
        "qThreadExtraInfo,1",
        "vMustReplyEmpty",
        "nonsense",
        "",
        "qOffsets",
        "X0,1:a",
        "vKill;1",
        "bs",
      ],
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom("D", "vAttach;1") },
);
const asMove = (payload: string): Move => ({ kind: "packet", payload });
const interruptions = fc.constantFrom<Move>({ kind: "cut" }, { kind: "cut while waiting" });
/** gdb steps by itself, and looks at the same after each step; now and then something comes in between. */
const watching = fc
  .tuple(
    fc.integer({ min: 2, max: 50 }),
    fc.array(fc.oneof(fc.constantFrom("g", "p10", "p0", "Hg1", "T1"), reads), { maxLength: 3 }),
    fc.array(fc.tuple(fc.nat(59), fc.oneof(packets.map(asMove), interruptions)), { maxLength: 3 }),
  )
  .map(([count, looks, others]) =>
    Array.from({ length: count }, (_, n) => [
      ...others.flatMap(([at, move]) => (at === n ? [move] : [])),
      ...["vCont;s:1", ...looks].map(asMove),
    ]).flat(),
  );
/** From one piece of a line's code to the next, with breakpoints that are taken out and put in again. */
const byLine = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc
          .tuple(fc.integer({ min: 0, max: 0x1f }), fc.integer({ min: 1, max: 0x20 }))
          .map(([start, length]) => `vCont;r${hex(0x1000 + 2 * start)},${hex(0x1000 + 2 * start + length)}:1`),
        fc.constant("vCont;s:1"),
      ),
      fc.array(fc.oneof(fc.constantFrom("g", "p10"), reads, insertions), { maxLength: 3 }),
    ),
    { minLength: 2, maxLength: 20 },
  )
  .map((list) => list.flatMap(([step, looks]) => [step, ...looks].map(asMove)));
const others: fc.Arbitrary<Move> = fc.oneof(fc.constant<Move>({ kind: "others" }), interruptions);
const moves = fc
  .array(
    fc.oneof(
      { weight: 20, arbitrary: packets.map((payload) => [asMove(payload)]) },
      { weight: 1, arbitrary: others.map((move) => [move]) },
      { weight: 1, arbitrary: watching },
      { weight: 1, arbitrary: byLine },
    ),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => list.flat());

/** Whether it was carried out cannot be known when the link breaks off; and gdb is then told a stop, not a refusal. */
const notAgain = (payload: string) => /^(?:[GPMXDkz]|qRcmd|vKill|vAttach|vCont;t|bs)/.test(payload);

/** What gdb is sent by the stub itself. */
function direct(stub: ModelStub, payload: string): readonly string[] {
  const { said, reply } = stub.packet(payload);
  return [...said.map((line) => `O${hexLine(line)}`), reply];
}

/** Plays the moves against a plain stub and through the agent, and compares every byte that gdb is sent. */
function play(list: readonly Move[], threads: 1 | 2, options: BenchOptions = {}): void {
  const plain = new ModelStub(threads);
  const bench = new AgentBench({ stub: new ModelStub(threads), ...options }).attach();
  bench.cell.isAlone = !list.some(({ kind }) => kind === "others");
  let cutNext = false;
  for (const [at, move] of list.entries()) {
    switch (move.kind) {
      case "packet": {
        const expected = direct(plain, move.payload);
        bench.agent.packet(move.payload);
        if (cutNext && !notAgain(move.payload) && bench.replies.length === 0) reconnect(bench);
        cutNext = false;
        bench.settle();
        expect(bench.taken(), `move ${at}: ${move.payload}`).toEqual(expected);
        break;
      }
      case "others":
        plain.packet("M2ff8,2:abcd");
        bench.cell.otherWrites();
        bench.settle();
        break;
      case "cut":
        if (!plain.isDetached) reconnect(bench);
        break;
      case "cut while waiting":
        cutNext = !plain.isDetached;
        break;
      default:
        move satisfies never;
    }
  }
  // What gdb wants inserted is inserted whenever the machine runs.
  if (bench.hungUp) throw new Error("gdb was let go");
  const expected = direct(plain, "vCont;c");
  expect(bench.ask("vCont;c"), "at the end").toEqual(expected);
  expect(bench.cell.stub.inserted).toEqual(plain.inserted);
  if (bench.verification !== null) expect(bench.verification.mismatches).toBe(0);
}

function reconnect(bench: AgentBench): void {
  bench.agent.lost();
  bench.cell.cut();
  bench.attach();
}

const RUNS = 200;
/** How many runs a planted fault may go unfound. The rarest shows itself about once in three hundred. */
const FAULT_RUNS = 10_000;

test.each([1, 2] as const)("gdb gets what the stub gives, with %i threads", (threads) => {
  fc.assert(
    fc.property(moves, (list) => play(list, threads)),
    { numRuns: RUNS },
  );
});

test("gdb gets the same with every read asked twice, and none of them differs", () => {
  fc.assert(
    fc.property(moves, (list) => play(list, 1, { verify: true })),
    { numRuns: RUNS / 4 },
  );
});

test.each([
  ["a page that is as it was before the resume", { fault: "stale page" }],
  ["one wrong byte in a page", { fault: "wrong byte" }],
  ["the registers of the stop before", { fault: "stale registers" }],
  ["a write of another debugger that is not told", { fault: "silent write" }],
  ["a byte before a step ahead that is another", { fault: "wrong before" }],
  ["a change of a step ahead that is not told", { fault: "lost change" }],
  ["a register of a step ahead that is not told", { fault: "late registers" }],
  ["a machine that is taken back one step too few", { fault: "back too far" }],
  ["a machine that is not taken back", { fault: "not back" }],
  ["a range that ends one byte late", { stub: () => new ModelStub(1, 1n) }],
  ["a range that ends one instruction early", { stub: () => new ModelStub(1, -2n) }],
] as const)("%s is found", (_what, planted) => {
  const options = (): BenchOptions => ("stub" in planted ? { stub: planted.stub() } : { fault: planted.fault });
  const found = fc.check(
    fc.property(moves, (list) => play(list, 1, options())),
    { numRuns: FAULT_RUNS, endOnFailure: true },
  );
  expect(found.failed).toBe(true);
});

test.each(["stale page", "wrong byte", "stale registers", "silent write"] as const)(
  "--verify-reads counts a planted %s",
  (fault) => {
    const bench = new AgentBench({ fault, verify: true }).attach();
    for (const payload of ["g", "m2ff8,8", "vCont;s:1;c", "g", "m2ff8,8"]) bench.ask(payload);
    bench.cell.otherWrites();
    bench.settle();
    bench.ask("m2ff8,8");
    expect(bench.verification?.mismatches).toBeGreaterThan(0);
    expect(bench.said.join()).toContain("mismatch: ");
  },
);
