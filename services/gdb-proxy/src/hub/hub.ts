import assert from "node:assert/strict";
import { parseStopReply, type ResumeAction } from "@ringside/rsp";
import { type Arch, RingsideError } from "@ringside/shared";
import type { NewTraceEvent } from "@ringside/trace";
import { INTERRUPT_KEPT_MS, STUB_STRAY_PACKETS_MAX } from "../limits.ts";
import type { PolicyView } from "../policy/decision.ts";
import { decide } from "../policy/table.ts";
import type { Conversation } from "./conversation.ts";
import { type Greeting, greet } from "./greeting.ts";
import { BreakpointLedger } from "./ledger.ts";
import { describeStop, type StopDescription } from "./stop.ts";

/**
 * The Hub's state machine: one machine's stub, and the one gdb that may be attached to it. No I/O: it acts
 * through its ports and is told what happened. What it writes to the stub keeps to QEMU's rules:
 *
 *   unconnected ──attach──► connecting ──► talking (greeting) ──► talking (describing) ──► stopped
 *   stopped ──gdb's packet──► talking ──answer──► stopped          stopped ──resume──► running
 *   running ──0x03──► interrupting;   running, interrupting ──stop reply──► talking (describing) ──► stopped
 *   running, no gdb ──stop reply──► parked: somebody else stopped it; nothing is sent until a gdb attaches
 *
 * While the machine runs nothing but one 0x03 is written: any other byte would stop it and be swallowed. Each
 * packet waits for the answer to the one before. The machine runs on when its gdb leaves, however it leaves,
 * without that gdb's breakpoints. Events are recorded before their consequences are forwarded; a port that
 * throws leaves the Hub to reset().
 */
export interface HubPorts {
  /** Opens the stub's socket; then connected() or reset() and the client's end follow. */
  connectStub(): void;
  dropStub(): void;
  toStub(payload: string): void;
  interruptStub(): void;
  toGdb(payload: string): void;
  /** The machine has gone. */
  closeGdb(): void;
  /** gdb's next packet may be taken now. */
  wake(): void;
  /** @throws RingsideError trace_full, storage_full */
  record(event: NewTraceEvent): void;
  nowMs(): number;
}

type State =
  | { readonly kind: "unconnected" }
  | { readonly kind: "connecting" }
  | { readonly kind: "talking"; readonly step: (reply?: string) => void }
  | { readonly kind: "stopped" }
  | { readonly kind: "running"; readonly action: ResumeAction }
  | { readonly kind: "interrupting"; readonly action: ResumeAction }
  | { readonly kind: "parked" }
  | { readonly kind: "gone" };

interface Gdb {
  readonly connection: number;
  awaits: "nothing" | "stop";
  detached: boolean;
  /** What `D` is answered once the machine runs. */
  farewell: string | null;
  interruptedAtMs: number | null;
}

export class Hub {
  readonly #ports: HubPorts;
  readonly #ledger = new BreakpointLedger();
  readonly #threads: { list: string | null } = { list: null };
  readonly #machine: { readonly arch: Arch; readonly qemuVersion: string };
  #state: State = { kind: "unconnected" };
  #gdb: Gdb | null = null;
  #features: ReadonlyMap<string, string> = new Map();
  #stopReply = "";
  #registers: string | null = null;
  #strays = 0;

  constructor(machine: { readonly arch: Arch; readonly qemuVersion: string }, ports: HubPorts) {
    this.#machine = machine;
    this.#ports = ports;
  }

  get state(): State["kind"] {
    return this.#state.kind;
  }

  /** True while an answer of the stub is due at once. */
  get stubOwesAnswer(): boolean {
    return this.#state.kind === "talking" || this.#state.kind === "interrupting";
  }

  /** True where nothing is left to do for a gdb that went. */
  get isQuiet(): boolean {
    const { kind } = this.#state;
    return this.#gdb === null && kind !== "talking" && kind !== "interrupting" && kind !== "stopped";
  }

  /**
   * A gdb has connected. The machine is stopped for it before its first packet is taken.
   * @throws RingsideError debugger_busy, machine_gone
   */
  attach(connection: number): void {
    if (this.#state.kind === "gone") throw new RingsideError("machine_gone");
    if (this.#gdb !== null) throw new RingsideError("debugger_busy");
    this.#gdb = { connection, awaits: "nothing", detached: false, farewell: null, interruptedAtMs: null };
    if (this.#state.kind === "unconnected" || this.#state.kind === "parked") this.#connectAnew();
    else this.#settle();
  }

  /** gdb has gone, in whatever way. */
  leave(): void {
    this.#gdb = null;
    this.#ledger.unwantAll();
    this.#settle();
  }

  /** The stub's socket is open. */
  connected(): void {
    assert(this.#state.kind === "connecting", "connected() answers connectStub()");
    this.#talk(greet(), (greeting) => this.#greeted(greeting));
  }

  /** True where packet() takes gdb's next packet. */
  get takesPackets(): boolean {
    if (this.#gdb === null) return false;
    const { kind } = this.#state;
    return kind === "stopped" || (this.#gdb.detached && (kind === "running" || kind === "parked"));
  }

  /** gdb's packet; only while takesPackets. */
  packet(payload: string): void {
    const gdb = this.#gdb;
    assert(gdb !== null && this.takesPackets, "a packet out of turn");
    this.#ports.record({ type: "gdb.packet", connection: gdb.connection, data: payload });
    const decision = decide(payload, this.#view(gdb));
    switch (decision.kind) {
      case "answer":
        this.#reply(gdb, decision.reply);
        break;
      case "refuse":
        this.#ports.record({ type: "gdb.refused", connection: gdb.connection, why: decision.why });
        this.#reply(gdb, decision.reply);
        break;
      case "ask":
        this.#talk(decision.talk, (reply) => this.#answered(gdb, reply));
        break;
      case "resume":
        this.#resumeFor(gdb, decision.payload, decision.action);
        break;
      case "leave":
        this.#detach(gdb, decision.reply);
        break;
      case "attach":
        this.#attachAgain(gdb);
        break;
      default:
        decision satisfies never;
    }
  }

  /** gdb's Ctrl-C. One that finds the machine stopped is kept a moment: gdb may be between two single steps. */
  interrupt(): void {
    const gdb = this.#gdb;
    if (gdb === null) return;
    this.#ports.record({ type: "gdb.interrupt", connection: gdb.connection });
    if (this.#state.kind === "running" && gdb.awaits === "stop") this.#interrupt(this.#state.action);
    else if (this.#state.kind !== "interrupting") gdb.interruptedAtMs = this.#ports.nowMs();
  }

  /** A packet's payload from the stub. */
  stubPacket(payload: string): void {
    const state = this.#state;
    if (state.kind === "talking") state.step(payload);
    else if (state.kind === "running" || state.kind === "interrupting") this.#whileRunning(state, payload);
    else this.#stray();
  }

  /** The machine has ended: a gdb that waits for a stop is told so. Nothing can follow. */
  gone(): void {
    this.#state = { kind: "gone" };
    this.#sayGone();
  }

  /** The stub has closed its socket, as QEMU does when it ends. The next attach shows whether it is there. */
  stubEnded(): void {
    if (this.#state.kind !== "gone") this.#toUnconnected();
    this.#sayGone();
  }

  #sayGone(): void {
    const gdb = this.#gdb;
    this.#gdb = null;
    if (gdb === null) return;
    try {
      if (gdb.awaits === "stop") this.#reply(gdb, "W00");
    } finally {
      this.#ports.closeGdb();
    }
  }

  /** The link to the stub is given up; the next attach makes a new one. The caller ends the client. */
  reset(): void {
    this.#gdb = null;
    this.#ports.dropStub();
    if (this.#state.kind !== "gone") this.#toUnconnected();
  }

  #toUnconnected(): void {
    this.#ledger.clear();
    this.#threads.list = null;
    this.#registers = null;
    this.#strays = 0;
    this.#state = { kind: "unconnected" };
  }

  #view(gdb: Gdb): PolicyView {
    return {
      ...this.#machine,
      stopReply: this.#stopReply,
      registers: this.#registers,
      forgetRegisters: () => {
        this.#registers = null;
      },
      features: this.#features,
      ledger: this.#ledger,
      threads: this.#threads,
      detached: gdb.detached,
    };
  }

  #reply(gdb: Gdb, payload: string): void {
    this.#ports.record({ type: "gdb.reply", connection: gdb.connection, data: payload });
    this.#ports.toGdb(payload);
  }

  /** Runs a conversation with the stopped stub; `done` must leave the state for another. */
  #talk<T>(conversation: Conversation<T>, done: (result: T) => void): void {
    const step = (reply?: string) => {
      const { done: ended, value } = reply === undefined ? conversation.next("") : conversation.next(reply);
      if (ended) done(value);
      else if (value !== null) this.#ports.toStub(value);
      else this.#stray();
    };
    this.#state = { kind: "talking", step };
    step();
  }

  /** The stub's answer for a gdb, which may have gone meanwhile, and another may have come. */
  #answered(gdb: Gdb, reply: string): void {
    this.#state = { kind: "stopped" };
    if (this.#gdb === gdb) this.#reply(gdb, reply);
    this.#settle();
  }

  #greeted({ stopReply, features }: Greeting): void {
    this.#features = features;
    this.#stoppedBy(stopReply, false);
  }

  #stoppedBy(stopReply: string, stepped: boolean): void {
    this.#stopReply = stopReply;
    this.#talk(describeStop(this.#machine.arch, stepped), (stop) => this.#described(stop));
  }

  #described({ registers, frames }: StopDescription): void {
    this.#ports.record({ type: "machine.stopped", reply: this.#stopReply, registers, frames: [...frames] });
    this.#registers = registers === "" ? null : registers;
    this.#state = { kind: "stopped" };
    const gdb = this.#gdb;
    if (gdb?.awaits === "stop") {
      gdb.awaits = "nothing";
      this.#reply(gdb, this.#stopReply);
    }
    this.#settle();
  }

  #resumeFor(gdb: Gdb, payload: string, action: ResumeAction): void {
    const keptMs = gdb.interruptedAtMs === null ? Number.POSITIVE_INFINITY : this.#ports.nowMs() - gdb.interruptedAtMs;
    gdb.interruptedAtMs = null;
    if (keptMs <= INTERRUPT_KEPT_MS) {
      const thread = /thread:[^;]*;/.exec(this.#stopReply)?.[0] ?? "";
      this.#stopReply = `T02${thread}`;
      this.#reply(gdb, this.#stopReply);
      return;
    }
    if (this.#ledger.isInStep) this.#runFor(gdb, payload, action);
    else this.#talk(this.#ledger.bringInStep(), (error) => this.#resumeInStep(gdb, error, payload, action));
  }

  /** The stub has the breakpoints that gdb wants, or says why not. */
  #resumeInStep(gdb: Gdb, error: string | null, payload: string, action: ResumeAction): void {
    if (error === null && this.#gdb === gdb) this.#runFor(gdb, payload, action);
    else this.#answered(gdb, error ?? "E01");
  }

  #runFor(gdb: Gdb, payload: string, action: ResumeAction): void {
    gdb.awaits = "stop";
    this.#resume(gdb.connection, payload, action);
  }

  #resume(connection: number, payload: string, action: ResumeAction): void {
    this.#ports.record({ type: "machine.resumed", connection, action });
    this.#registers = null;
    this.#state = { kind: "running", action };
    this.#ports.toStub(payload);
  }

  #detach(gdb: Gdb, reply: string | null): void {
    if (!gdb.detached) {
      gdb.detached = true;
      gdb.farewell = reply;
      this.#settle();
    } else if (reply !== null) {
      this.#reply(gdb, reply);
    }
  }

  #attachAgain(gdb: Gdb): void {
    if (!gdb.detached) {
      this.#reply(gdb, this.#stopReply);
      return;
    }
    gdb.detached = false;
    gdb.awaits = "stop";
    if (this.#state.kind === "running") this.#interrupt(this.#state.action);
    else this.#connectAnew();
  }

  /** Whoever stopped the machine may have resumed it since, which a stub does not say: connecting stops it. */
  #connectAnew(): void {
    this.#ports.dropStub();
    this.#toUnconnected();
    this.#state = { kind: "connecting" };
    this.#ports.connectStub();
  }

  #interrupt(action: ResumeAction): void {
    this.#state = { kind: "interrupting", action };
    this.#ports.interruptStub();
  }

  #whileRunning(state: Extract<State, { kind: "running" | "interrupting" }>, payload: string): void {
    const stop = parseStopReply(payload);
    if (stop === null) this.#noStop(payload);
    else if (stop.kind !== "signal") this.gone();
    else if (state.kind === "running" && !this.#isHeld && !this.#ledger.stubHasSome) this.#state = { kind: "parked" };
    else this.#stoppedBy(payload, state.kind === "running" && state.action === "step");
  }

  /** Only an error to the resume itself means anything while a stop is due: then the machine has not run. */
  #noStop(payload: string): void {
    if (/^E..$/.test(payload) && this.#gdb?.awaits === "stop") {
      this.#gdb.awaits = "nothing";
      this.#answered(this.#gdb, payload);
    } else {
      this.#stray();
    }
  }

  #stray(): void {
    this.#strays += 1;
    if (this.#strays > STUB_STRAY_PACKETS_MAX) {
      throw new RingsideError("machine_unresponsive", { message: "The machine's stub sends what nobody asked for" });
    }
  }

  /** What the present state calls for, given who is attached. */
  #settle(): void {
    const state = this.#state;
    if (state.kind === "stopped" && !this.#isHeld) {
      this.#ledger.unwantAll();
      this.#talk(this.#ledger.bringInStep(), () => this.#runOn());
    } else if (state.kind === "running" && this.#mustStop) {
      this.#interrupt(state.action);
    } else if (this.takesPackets) {
      this.#ports.wake();
    }
  }

  /** A gdb is attached and has not let go. */
  get #isHeld(): boolean {
    return this.#gdb !== null && !this.#gdb.detached;
  }

  /** The machine runs, but a gdb has just attached, or one has left breakpoints behind. */
  get #mustStop(): boolean {
    return this.#isHeld ? this.#gdb?.awaits === "nothing" : this.#ledger.stubHasSome;
  }

  #runOn(): void {
    this.#resume(0, "vCont;c", "continue");
    const gdb = this.#gdb;
    if (gdb?.detached === true && gdb.farewell !== null) {
      const { farewell } = gdb;
      gdb.farewell = null;
      this.#reply(gdb, farewell);
    }
    this.#settle();
  }
}
