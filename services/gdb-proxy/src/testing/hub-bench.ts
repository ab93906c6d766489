import type { NewTraceEvent } from "@ringside/trace";
import { Hub } from "../hub/hub.ts";
import { StubModel } from "./stub-model.ts";

/** A Hub between a model of the stub and a gdb that the test plays. */
export class Bench {
  readonly stub: StubModel;
  readonly events: NewTraceEvent[] = [];
  readonly sent: string[] = [];
  closed = 0;
  /** What the Hub waits for that is not the stub's. */
  stands = false;
  wakeAsked = false;
  readonly hub: Hub;
  readonly faults: string[] = [];
  nowMs = 0;
  #connecting = false;
  #connections = 0;
  #owed = 0;
  #recording: "works" | "fails" = "works";

  constructor(stub = new StubModel(), recording = false) {
    this.stub = stub;
    this.hub = new Hub(
      { arch: "x86_64", qemuVersion: "7.2", recording },
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
        toGdb: (payload) => {
          this.#owed -= 1;
          if (this.#owed < 0) this.faults.push(`nobody asked for ${payload}`);
          const last = this.events.at(-1);
          if (last?.type !== "gdb.reply" || last.data !== payload) this.faults.push(`not recorded before: ${payload}`);
          this.sent.push(payload);
        },
        closeGdb: () => {
          this.closed += 1;
        },
        wake: () => undefined,
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
        },
        nowMs: () => this.nowMs,
      },
    );
  }

  attach(): void {
    this.arrive();
    this.settle();
  }

  /** A gdb attaches; nothing is delivered yet. */
  arrive(): void {
    this.#connections += 1;
    this.hub.attach(this.#connections);
    this.#owed = 0;
  }

  /** gdb sends a packet; nothing is delivered yet. */
  send(payload: string): void {
    this.#owed += 1;
    this.hub.packet(payload);
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
    if (answer === undefined) return false;
    this.hub.stubPacket(answer);
    return true;
  }

  settle(): void {
    for (let i = 0; i < 10_000 && this.deliver(); i += 1);
  }

  /** Sends a packet as gdb does, and gives the replies that came. */
  ask(payload: string): readonly string[] {
    const before = this.sent.length;
    this.send(payload);
    this.settle();
    return this.sent.slice(before);
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
export function attached(): Bench {
  const bench = new Bench();
  bench.attach();
  return bench;
}
