import type { ConnectionRole } from "@ringside/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attached, Bench, type BenchDebugger } from "../testing/hub-bench.ts";
import { registersHex, StubModel } from "../testing/stub-model.ts";

type Move =
  | { readonly kind: "deliver" | "settle" | "stop" | "operator" }
  | { readonly kind: "pause" | "resume" | "still" | "goOn" | "sleep" | "rejoin" }
  | { readonly kind: "attach"; readonly role: ConnectionRole; readonly how: "anew" | "again" | "waits" | "describes" }
  | { readonly kind: "leave"; readonly who: number; readonly how: "hung up" | "broke off" }
  | { readonly kind: "interrupt"; readonly who: number }
  | { readonly kind: "path"; readonly path: readonly bigint[] | null }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "packet" | "ask"; readonly who: number; readonly payload: string };

const monitor = (text: string): string => `qRcmd,${Buffer.from(text).toString("hex")}`;
/** gdb's bytecode for 0 and 1. */
const [NEVER, ALWAYS] = ["X3,220027", "X3,220127"];

const PAYLOADS = [
  ...[
    "g",
    "?",
    "m1000,8",
    "m1000,1600",
    "M1000,2:abcd",
    "P10=00",
    `G${registersHex()}`,
    "p10",
    "Z0,1000,1",
    "Z0,2000,1",
    "Z2,3000,8",
  ],
  ...["z0,1000,1", "z2,3000,8", "vCont;c", "vCont;s:1;c", "vCont;C05:1", "c", "s", "C05", "Hg1", "T1", "qC"],
  ...["D", "k", "vKill;1", "vAttach;1", "!", "vCont?", "qSupported:multiprocess+", "QStartNoAckMode", "qAttached"],
  ...[monitor("migrate exec:id"), "bs", "bc", "F1", "R00", "vRun;00", "Qqemu.PhyMemMode:1", "qqemu.sstep", "X0,1:a"],
  ...[
    "x0,4",
    "vFile:open:00",
    "vCont;t",
    "qXfer:features:read:target.xml:0,100",
    "nonsense",
    "",
    "qfThreadInfo",
    "Hg2",
  ],
  ...["Z0,1000,1;X1,00", `Z0,1000,1;${NEVER}`, `Z0,2000,1;${ALWAYS}`, "vCont;r1,2:1", "vCont;r1000,1003:1;c"],
  ...[monitor("take"), monitor("give"), monitor("who"), monitor("reset"), monitor("type x"), monitor("hint")],
];

/** The packets after which most can go wrong. */
const TELLING = [
  ...["Z0,1000,1", "Z2,3000,8", `Z0,1000,1;${NEVER}`, "vCont;c", "vCont;c", "vCont;s:1;c", "vCont;r1000,1003:1;c"],
  ...[monitor("take"), monitor("give")],
];
const payloads = fc.oneof(fc.constantFrom(...TELLING), fc.constantFrom(...PAYLOADS));
const someone = fc.nat(3);
const roles = fc.constantFrom<ConnectionRole>("driver", "driver", "observer", "instructor");
const ways = fc.constantFrom<"anew" | "again" | "waits" | "describes">("anew", "anew", "again", "waits", "describes");
const addresses = fc.constantFrom(0x1000n, 0x1001n, 0x1002n, 0x2000n, 0x5000n);
const moves = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom("ask" as const, "packet" as const),
        who: someone,
        payload: payloads,
      }),
    },
    { weight: 2, arbitrary: fc.constantFrom<Move>({ kind: "deliver" }, { kind: "settle" }, { kind: "stop" }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("attach" as const), role: roles, how: ways }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("leave" as const),
        who: someone,
        how: fc.constantFrom("hung up" as const, "broke off" as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("interrupt" as const), who: someone }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("path" as const),
        path: fc.option(fc.array(addresses, { maxLength: 30 })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(10, 400, 3_000, 60_000) }),
    },
    { weight: 1, arbitrary: fc.constant<Move>({ kind: "operator" }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom<Move>(
        ...[{ kind: "pause" as const }, { kind: "resume" as const }, { kind: "still" as const }],
        ...[{ kind: "goOn" as const }, { kind: "sleep" as const }, { kind: "rejoin" as const }],
      ),
    },
  ),
  { maxLength: 80, size: "max" },
);

/** Several debuggers at a bench, and what each of them has inserted, as far as it was told so. */
class Play {
  readonly bench = new Bench(new StubModel(), { hints: [{ en: "one", zh: "一" }] });
  here: readonly BenchDebugger[] = [];
  still = false;
  #checked = 0;
  /** What drivers who went may have left in the machine. */
  readonly left = new Set<string>();

  constructor() {
    this.bench.stub.resumed = (breakpoints) => {
      const wanted = new Set(this.here.flatMap(({ inserted }) => [...inserted]));
      for (const place of wanted) if (!breakpoints.has(place)) this.bench.faults.push(`runs without ${place}`);
      for (const place of breakpoints) {
        if (!wanted.has(place) && !this.left.has(place)) this.bench.faults.push(`runs with ${place}`);
      }
    };
  }

  move(move: Move): void {
    const { bench } = this;
    switch (move.kind) {
      case "attach":
        this.#attach(move);
        break;
      case "leave":
        this.#leave(this.#one(move.who), move.how);
        break;
      case "packet":
      case "ask": {
        const one = this.#one(move.who);
        if (!one?.takesPackets) break;
        one.send(move.payload);
        if (move.kind === "ask") bench.settle();
        break;
      }
      case "interrupt":
        this.#one(move.who)?.interrupt();
        break;
      case "deliver":
        bench.deliver();
        break;
      case "settle":
        this.#settle();
        break;
      case "stop":
        bench.stub.stop();
        break;
      case "path":
        bench.stub.path = move.path === null ? null : [...move.path];
        break;
      case "pass":
        bench.pass(move.ms);
        break;
      case "operator":
        this.#operate();
        break;
      case "pause":
      case "resume":
        bench.hub[move.kind]();
        break;
      case "still":
        if (this.still || bench.hub.state === "asleep") break;
        this.still = true;
        bench.hub.standStill();
        break;
      case "goOn":
        this.endStill();
        break;
      case "sleep":
        this.#sleep();
        break;
      case "rejoin":
        if (bench.hub.state === "asleep") bench.rejoin();
        break;
      default:
        move satisfies never;
    }
    this.check();
  }

  endStill(): void {
    if (!this.still) return;
    this.still = false;
    this.bench.stands = false;
    this.bench.hub.goOn();
  }

  /** Everybody goes, and nothing else holds the machine. */
  end(): void {
    const { bench } = this;
    bench.settle();
    this.endStill();
    bench.hub.resume();
    for (const one of this.here) this.#leave(one, "hung up");
    bench.hub.closing();
    bench.settle();
    if (bench.hub.state === "asleep") bench.rejoin();
    // What a step does not come to the end of is stopped by somebody.
    bench.stub.stop();
    bench.settle();
  }

  check(): void {
    expect(this.bench.stub.faults).toEqual([]);
    expect(this.bench.faults).toEqual([]);
    for (const one of this.here) {
      expect(one.owed).toBeLessThanOrEqual(1);
      if (one.one.isArriving) expect(one.takesPackets).toBe(false);
    }
    for (const event of this.bench.events.slice(this.#checked)) {
      if (event.type === "machine.resumed" && event.connection > 0)
        expect(this.#roleOf(event.connection)).not.toBe("observer");
    }
    this.#checked = this.bench.events.length;
  }

  #roleOf(connection: number): ConnectionRole | undefined {
    return this.bench.all.find(({ one }) => one.connection === connection)?.one.role;
  }

  #one(who: number): BenchDebugger | undefined {
    return this.here[who % Math.max(1, this.here.length)];
  }

  #attach({ role, how }: Extract<Move, { kind: "attach" }>): void {
    const busy = role === "driver" && this.here.some(({ one }) => one.role === "driver");
    const awaits = how === "waits" ? "vCont;c" : null;
    const again = { inserted: ["Z0,5000,1"], awaits };
    const options = { role, describes: how === "describes" };
    try {
      // What it has inserted counts from the moment that the hub knows of it.
      if (how === "again" || how === "waits") this.left.add("0,5000,1");
      const one = this.bench.arrive(how === "anew" || how === "describes" ? options : { ...options, again });
      if (how === "again" || how === "waits") one.inserted.add("0,5000,1");
      this.here = [...this.here, one];
      expect(busy).toBe(false);
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      expect(["debugger_busy", "rate_limited"]).toContain(error.code);
      expect(busy || this.here.length >= 8).toBe(true);
    }
  }

  #leave(one: BenchDebugger | undefined, how: "hung up" | "broke off"): void {
    if (one === undefined) return;
    this.here = this.here.filter((other) => other !== one);
    for (const place of one.inserted) this.left.add(place);
    one.leave(how);
  }

  #settle(): void {
    const { bench } = this;
    bench.settle();
    if (bench.hub.isPaused && bench.hub.state !== "asleep") expect(bench.stub.running).toBe(false);
    if (["asleep", "parked"].includes(bench.hub.state) || this.still) return;
    // Who must be told a stop is.
    for (const { one } of this.here) expect([one.isArriving, one.wantsStopNow]).toEqual([false, false]);
    if (bench.hub.state !== "stopped") return;
    // Nobody waits for ever while the machine stands.
    for (const one of this.here) {
      expect(one.one.isArriving).toBe(false);
      expect(one.takesPackets || one.one.awaitsStop).toBe(true);
      expect(one.owed).toBe(one.one.awaitsStop ? 1 : 0);
    }
  }

  /** QMP stop and cont: the stub reports the first only. */
  #operate(): void {
    const { bench } = this;
    if (this.here.length > 0 || bench.hub.state !== "running") return;
    bench.stub.stop("T02thread:01;");
    bench.settle();
    if (String(bench.hub.state) === "parked") bench.stub.running = true;
  }

  #sleep(): void {
    const { bench } = this;
    if (bench.hub.state === "asleep" || (this.still && !bench.stands)) return;
    if (this.still) bench.hub.sleep();
    else bench.sleep();
    this.still = false;
    bench.stands = false;
  }
}

const disturbance = fc.constantFrom("none", "none", "pause", "still", "sleep", "look");

/** What gdb must not notice. */
function disturb(bench: Bench, kind: string): void {
  if (kind === "none" || bench.hub.state === "parked") return;
  const gdb = bench.gdb;
  const before = gdb.sent.length;
  const ran = bench.stub.running;
  if (kind === "pause") bench.hub.pause();
  else if (kind === "still") bench.hub.standStill();
  else if (kind === "sleep") bench.sleep();
  const other = kind === "look" ? bench.attach({ role: "observer" }) : null;
  bench.settle();
  if (kind === "pause") bench.hub.resume();
  else if (kind === "still") bench.hub.goOn();
  else if (kind === "sleep") bench.rejoin();
  other?.leave();
  bench.stands = false;
  bench.settle();
  expect([gdb.sent.length, bench.stub.running]).toEqual([before, ran]);
}

/** The stub has inserted it, and its debugger hangs up before it is told. */
const leftBeforeTheAnswer: Move[] = [
  { kind: "settle" },
  { kind: "packet", who: 0, payload: "Z2,3000,8" },
  { kind: "deliver" },
  { kind: "leave", who: 0, how: "hung up" },
];

describe("the Hub, against a model of the stub", () => {
  it("serves several: nothing but one 0x03 to a running stub, what each wants and no more, and nobody is forgotten", () => {
    fc.assert(
      fc.property(moves, (list) => {
        const play = new Play();
        play.move({ kind: "attach", role: "driver", how: "anew" });
        for (const move of list) play.move(move);
        play.end();
        play.check();
        const { hub, stub } = play.bench;
        expect(["unconnected", "running", "parked"]).toContain(hub.state);
        expect(stub.breakpoints.size).toBe(0);
        if (hub.state === "running") expect(stub.running).toBe(true);
      }),
      { numRuns: 2_000, examples: [[leftBeforeTheAnswer]] },
    );
  });

  it("answers each packet of a patient gdb exactly once, and runs with its breakpoints and no others", () => {
    fc.assert(
      fc.property(
        fc.array(payloads, { maxLength: 60, size: "max" }),
        fc.array(disturbance, { minLength: 1, size: "max", maxLength: 20 }),
        (list, disturbances) => {
          const bench = attached();
          const inserted = new Set<string>();
          for (const payload of list) {
            if (!bench.gdb.takesPackets) break;
            bench.stub.expected = /^(?:D|k|vKill)/.test(payload) ? new Set() : inserted;
            const [now = "none"] = disturbances.splice(0, 1);
            disturbances.push(now);
            disturb(bench, now);
            const replies = [...bench.ask(payload)];
            const breakpoint = /^([Zz])([^;]*)/.exec(payload);
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
      { numRuns: 500 },
    );
  });
});
