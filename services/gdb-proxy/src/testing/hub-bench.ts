import type { ConnectionRole, Hint, OnDisconnect, RingsideError } from "@ringside/shared";
import { type NewTraceEvent, recordedReply } from "@ringside/trace";
import type { AttachedDebugger } from "../hub/attached-debugger.ts";
import { askAll, type Conversation } from "../hub/conversation.ts";
import type { AttachedBefore, Debugger, StoppedView } from "../hub/debugger.ts";
import { Hub } from "../hub/hub.ts";
import { StubModel } from "./stub-model.ts";

export interface BenchOptions {
  readonly recording?: boolean;
  readonly onDisconnect?: OnDisconnect;
  readonly hints?: readonly Hint[];
}

export interface BenchAttach {
  readonly role?: ConnectionRole;
  readonly again?: AttachedBefore;
  /** Reads memory before each stop that it is told, as a near agent's does. */
  readonly describes?: boolean;
}

/** A debugger that the test plays. */
export class BenchDebugger implements Debugger {
  readonly sent: string[] = [];
  readonly said: string[] = [];
  readonly described: StoppedView[] = [];
  changes = 0;
  wakes = 0;
  ended: RingsideError | null = null;
  /** Packets that wait for an answer. */
  owed = 0;
  /** What it has inserted, as far as it was told so: `type,address,length`. */
  readonly inserted = new Set<string>();
  onWake: () => void = () => undefined;
  readonly describe?: (view: StoppedView) => Conversation<void>;
  readonly #bench: Bench;
  #one: AttachedDebugger | null = null;
  #last = "";
  #before: readonly string[] = [];

  constructor(bench: Bench, describes: boolean) {
    this.#bench = bench;
    if (describes) this.describe = (view) => this.#describe(view);
  }

  get one(): AttachedDebugger {
    if (this.#one === null) throw new Error("not attached");
    return this.#one;
  }

  attached(one: AttachedDebugger): void {
    this.#one = one;
  }

  get takesPackets(): boolean {
    return this.#bench.hub.takes(this.one);
  }

  reply(payload: string): void {
    this.owed -= 1;
    if (this.owed < 0) this.#bench.faults.push(`nobody asked for ${payload}`);
    const { connection } = this.one;
    const last = this.#bench.events.findLast((event) => "connection" in event && event.connection === connection);
    if (last?.type !== "gdb.reply" || last.data !== recordedReply(payload) || this.#bench.unflushed > 0) {
      this.#bench.faults.push(`not recorded before: ${payload}`);
    }
    this.sent.push(payload);
    if (payload === "OK") this.#took(this.#last);
    else if (this.#last.startsWith("vKill")) for (const place of this.#before) this.inserted.add(place);
  }

  #took(payload: string): void {
    const breakpoint = /^([Zz])([^;]*)/.exec(payload);
    if (breakpoint) this.inserted[breakpoint[1] === "Z" ? "add" : "delete"](breakpoint[2] ?? "");
  }

  wake(): void {
    this.wakes += 1;
    this.onWake();
  }

  changed(): void {
    this.changes += 1;
  }

  say(text: string): void {
    this.said.push(text);
  }

  end(error: RingsideError): void {
    this.ended = error;
  }

  /** Sends a packet; nothing is delivered yet. */
  send(payload: string): void {
    // To `k` nothing is answered.
    if (payload !== "k") this.owed += 1;
    this.#last = payload;
    const before = [...this.inserted];
    if (/^(?:D|k$|vKill)/.test(payload)) this.inserted.clear();
    this.#before = before;
    this.#bench.hub.packet(this.one, payload);
  }

  /** Sends a packet as gdb does, and gives the replies that came. */
  ask(payload: string): readonly string[] {
    const before = this.sent.length;
    this.send(payload);
    this.#bench.settle();
    return this.sent.slice(before);
  }

  interrupt(): void {
    this.#bench.hub.attendance.interrupt(this.one);
  }

  leave(how: "hung up" | "broke off" = "hung up"): void {
    this.#bench.hub.attendance.leave(this.one, how);
  }

  *#describe(view: StoppedView): Conversation<void> {
    this.described.push(view);
    yield* askAll(["m4000,40", "m5000,40", "m6000,40"]);
  }
}

interface Timer {
  readonly atMs: number;
  readonly act: () => void;
}

/** A Hub between a model of the stub and debuggers that the test plays; the first of them is at hand. */
export class Bench {
  readonly stub: StubModel;
  readonly events: NewTraceEvent[] = [];
  /** What the Hub waits for that is not the stub's. */
  stands = false;
  wakeAsked = false;
  readonly announced: string[] = [];
  readonly resets: string[] = [];
  readonly typed: string[] = [];
  readonly hub: Hub;
  readonly faults: string[] = [];
  nowMs = 0;
  unflushed = 0;
  readonly all: BenchDebugger[] = [];
  #timers: readonly Timer[] = [];
  #soon: (() => void)[] = [];
  #connecting = false;
  #connections = 0;
  #recording: "works" | "fails" = "works";

  constructor(stub = new StubModel(), options: BenchOptions = {}) {
    const { recording = false, onDisconnect = "run", hints = [] } = options;
    this.stub = stub;
    this.hub = new Hub(
      {
        session: "ses_00000000000000000000",
        arch: "x86_64",
        memoryMib: 64,
        qemuVersion: "7.2",
        recording,
        onDisconnect,
        hints,
      },
      {
        connectStub: () => {
          this.#connecting = true;
        },
        dropStub: () => {
          this.#connecting = false;
          this.stub.answers.length = 0;
        },
        toStub: (payload) => {
          if (this.stands) this.faults.push(`written while it must stand still: ${payload}`);
          this.stub.packet(payload);
        },
        interruptStub: () => this.stub.interrupt(),
        stoodStill: () => {
          if (this.stub.running || this.stub.answers.length > 0) this.faults.push("does not stand still");
          this.stands = true;
        },
        wakeMachine: () => {
          if (this.hub.state !== "asleep") this.faults.push("wakes what does not sleep");
          this.wakeAsked = true;
        },
        record: (event) => {
          if (this.#recording === "fails") throw new Error("full");
          this.events.push(event);
          this.unflushed += 1;
        },
        flush: () => {
          this.unflushed = 0;
        },
        nowMs: () => this.nowMs,
        soon: (act) => {
          this.#soon.push(act);
        },
        after: (ms, act) => {
          const timer = { atMs: this.nowMs + ms, act };
          this.#timers = [...this.#timers, timer];
          return {
            cancel: () => {
              this.#timers = this.#timers.filter((other) => other !== timer);
            },
          };
        },
        announce: (text) => this.announced.push(text),
        resetWanted: (user) => this.resets.push(user),
        type: (_connection, text) => this.typed.push(text),
      },
    );
  }

  /** The driver that was attached last. */
  get gdb(): BenchDebugger {
    const gdb = this.all.findLast(({ one }) => one.role === "driver");
    if (gdb === undefined) throw new Error("no gdb is attached");
    return gdb;
  }

  get sent(): readonly string[] {
    return this.gdb.sent;
  }

  /** How many timers run. */
  get timers(): number {
    return this.#timers.length;
  }

  attach(options: BenchAttach = {}): BenchDebugger {
    const one = this.arrive(options);
    this.settle();
    return one;
  }

  /** A debugger attaches; nothing is delivered yet. @throws what Hub.attach throws */
  arrive({ role = "driver", again, describes = false }: BenchAttach = {}): BenchDebugger {
    this.#connections += 1;
    const player = new BenchDebugger(this, describes);
    const who = { connection: this.#connections, user: `usr_${this.#connections}`, role };
    const one = this.hub.attendance.debuggerOf(player, who);
    this.hub.mustTake(role);
    player.attached(one);
    if (again?.awaits != null) player.owed += 1;
    this.all.push(player);
    this.hub.attendance.attach(one, again);
    return player;
  }

  /** The driver sends a packet; nothing is delivered yet. */
  send(payload: string): void {
    this.gdb.send(payload);
  }

  /** Delivers one thing that is due; false where nothing is. */
  deliver(): boolean {
    if (this.#connecting) {
      this.#connecting = false;
      this.stub.connect();
      this.hub.connected();
      return true;
    }
    const answer = this.stub.answers.shift();
    if (answer !== undefined) {
      this.hub.stubPacket(answer);
      return true;
    }
    const act = this.#soon.shift();
    act?.();
    return act !== undefined;
  }

  settle(): void {
    for (let i = 0; i < 20_000 && this.deliver(); i += 1);
  }

  /** Time passes, and what is due by then is done. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.act();
      this.settle();
    }
    this.nowMs = untilMs;
  }

  /** The driver sends a packet as gdb does: the replies that came. */
  ask(payload: string): readonly string[] {
    return this.gdb.ask(payload);
  }

  /** The machine stops by itself, and all of that is delivered. */
  stop(reply?: string): void {
    this.stub.stop(reply);
    this.settle();
  }

  /** The machine is brought to a standstill and put to sleep, as far as that is possible now. */
  sleep(): void {
    if (!this.hub.mayJustSleep) {
      this.hub.standStill();
      this.settle();
    }
    if (this.stands || this.hub.mayJustSleep) this.hub.sleep();
    this.stands = false;
  }

  /** The machine is there again, in a new process whose stub knows of no breakpoints. */
  rejoin(how: "runs" | "stands" = this.hub.isFree ? "runs" : "stands"): void {
    this.wakeAsked = false;
    this.stub.breakpoints.clear();
    this.stub.running = how === "runs";
    this.hub.rejoin(how);
  }

  failToRecord(): void {
    this.#recording = "fails";
  }

  types(): readonly string[] {
    return this.events.map((event) => event.type);
  }
}

/** A bench with a gdb and a stopped machine. */
export function attached(options: BenchOptions = {}): Bench {
  const bench = new Bench(new StubModel(), options);
  bench.attach();
  return bench;
}
