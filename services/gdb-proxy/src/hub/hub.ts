import assert from "node:assert/strict";
import { RingsideError } from "@ringside/shared";
import { INTERRUPT_KEPT_MS } from "../limits.ts";
import type { Decision } from "../policy/decision.ts";
import { decide } from "../policy/table.ts";
import { AttachedGdb, RUN_ON, type Run } from "./attached-gdb.ts";
import { journalled } from "./journal.ts";
import { type HubMachine, MachineKnowledge } from "./machine-knowledge.ts";
import type { HubPorts } from "./ports.ts";
import { type StoppedHow, StubSide, type StubState } from "./stub-side.ts";

/**
 * The Hub's state machine: one machine's stub, the gdb that may be attached, and what else holds the machine still. No I/O.
 *
 *   unconnected ──attach──► connecting ──► talking (greeting) ──► talking (describing) ──► stopped
 *   stopped ──gdb's packet──► talking ──answer──► stopped          stopped ──resume──► running
 *   running ──0x03──► interrupting;   running, interrupting ──stop reply──► talking (describing) ──► stopped
 *   running, no gdb ──stop reply──► parked: somebody else stopped it; nothing is sent until a gdb attaches
 *   stopped, held still ──sleep──► asleep ──rejoin──► connecting ──► talking (greeting) ──► stopped
 *
 * The machine runs where nobody wants it to stand: a gdb that it stops for, a pause, or standStill(). gdb sees
 * nothing of the other two: one that waits for a stop goes on waiting, and its run goes on when the machine does.
 * The machine runs on when its gdb leaves, however it leaves, without that gdb's breakpoints. Events are
 * recorded before their consequences are forwarded; a port that throws leaves the Hub to reset().
 */
export class Hub {
  readonly #ports: HubPorts;
  readonly #stub: StubSide;
  readonly #known: MachineKnowledge;
  #gdb: AttachedGdb | null = null;
  #paused = false;
  #still: "no" | "coming" | "here" = "no";

  constructor(machine: HubMachine, ports: HubPorts) {
    this.#known = new MachineKnowledge(machine);
    this.#ports = ports;
    this.#stub = new StubSide(ports, {
      stopped: (reply, how) => this.#stopped(reply, how),
      didNotRun: (error) => this.#didNotRun(error),
      exited: () => this.gone(),
    });
  }

  get state(): StubState["kind"] {
    return this.#stub.state.kind;
  }

  get stubOwesAnswer(): boolean {
    return this.#stub.owesAnswer;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** True where nobody is known to hold the machine: it runs on when it wakes, without the Hub. */
  get isFree(): boolean {
    return this.#gdb === null && !this.#paused;
  }

  /** True where the guest runs, but for a standstill. */
  get runsOn(): boolean {
    return !this.#paused && (!this.#isHeld || this.#gdb?.run != null);
  }

  /** True where the guest may be taking what is typed. */
  get guestMayRun(): boolean {
    return !["connecting", "talking", "stopped", "asleep", "gone"].includes(this.state);
  }

  /** True where nothing is left to do for a gdb that went. */
  get isQuiet(): boolean {
    if (this.#gdb !== null || this.#stub.owesAnswer) return false;
    return this.state !== "stopped" || (this.#paused && !this.#known.ledger.stubHasSome);
  }

  /**
   * A gdb has connected. The machine is stopped for it before its first packet is taken.
   * @throws RingsideError debugger_busy, machine_gone
   */
  attach(connection: number): void {
    this.#mustBeThere();
    if (this.#gdb !== null) throw new RingsideError("debugger_busy");
    this.#gdb = new AttachedGdb(connection, this.#ports);
    if (this.state === "asleep") this.#ports.wakeMachine();
    else this.#takeHold();
  }

  /** gdb has gone, in whatever way. */
  leave(): void {
    this.#gdb = null;
    this.#known.ledger.unwantAll();
    this.#settle();
  }

  /** Holds the machine still until resume(), whoever attaches and leaves. */
  pause(): void {
    this.#mustBeThere();
    this.#paused = true;
    if (this.state !== "asleep") this.#takeHold();
  }

  /** Ends a pause, also one that is not known of here; what gdb has stopped stays stopped. */
  resume(): void {
    this.#mustBeThere();
    this.#paused = false;
    if (this.state === "unconnected") this.#connectAnew();
    else this.#settle();
  }

  /**
   * Brings the machine to a standstill, for goOn() or sleep() to follow once stoodStill() is called.
   * @throws RingsideError machine_gone
   */
  standStill(): void {
    this.#mustBeThere();
    assert(this.#still === "no" && this.state !== "asleep", "one standstill at a time, of a machine that is awake");
    this.#still = "coming";
    this.#takeHold();
  }

  /** Ends a standstill: all goes on as it was. */
  goOn(): void {
    this.#still = "no";
    this.#settle();
  }

  /** True where the stub is not in use: there is nothing to bring to a standstill. */
  get mayJustSleep(): boolean {
    return this.isFree && (this.state === "unconnected" || this.state === "parked");
  }

  /** Lets go of the stub of a machine that stands still, or that nobody holds. gdb stays, and is none the wiser. */
  sleep(): void {
    assert(this.#still === "here" || this.mayJustSleep, "only what stands still may fall asleep");
    if (this.#still === "no") this.#known.forgetStop();
    this.#still = "no";
    this.#dropStub();
    this.#stub.become("asleep");
  }

  /**
   * The machine is awake again, with a stub to connect to.
   * @param how "stands": as it fell asleep, and somebody must let it run; "runs": it runs on already
   */
  rejoin(how: "stands" | "runs"): void {
    assert(this.state === "asleep", "only what sleeps is woken");
    if (how === "runs") this.#known.forgetStop();
    if (how === "runs" && this.isFree) this.#stub.become("unconnected");
    else this.#stub.connect();
  }

  /** The stub's socket is open. */
  connected(): void {
    assert(this.state === "connecting", "connected() answers connectStub()");
    const known = this.#known;
    if (known.hasStop) this.#stub.talk(known.greetAgain(), () => this.#nowStopped());
    else this.#stub.talk(known.greet(), (stopReply) => this.#describe(stopReply, "by itself"));
  }

  /** True where packet() takes gdb's next packet. */
  get takesPackets(): boolean {
    if (this.#gdb === null || this.#still !== "no") return false;
    if (this.#gdb.detached) return ["stopped", "running", "parked"].includes(this.state);
    return this.state === "stopped" && !this.#gdb.awaitsStop;
  }

  /** gdb has sent something that cannot be taken now. */
  packetWaits(): void {
    if (this.state === "asleep") this.#ports.wakeMachine();
  }

  /** gdb's packet; only while takesPackets. */
  packet(payload: string): void {
    const gdb = this.#gdb;
    assert(gdb !== null && this.takesPackets, "a packet out of turn");
    this.#ports.record({ type: "gdb.packet", connection: gdb.connection, data: payload });
    this.#carryOut(gdb, decide(payload, this.#known.view(gdb.detached)));
  }

  /** gdb's Ctrl-C. */
  interrupt(): void {
    this.#gdb?.interrupt(this.state !== "interrupting");
    if (this.state === "asleep") this.#ports.wakeMachine();
    else this.#settle();
  }

  /** A packet's payload from the stub. */
  stubPacket(payload: string): void {
    this.#stub.packet(payload);
  }

  /** Answers a gdb that waits for a stop with an error, as its last word. */
  giveUp(text: string): void {
    this.#gdb?.answerWait(`E.${text}`);
  }

  /** The machine has ended: a gdb that waits for a stop is told so. Nothing can follow. */
  gone(): void {
    this.#stub.become("gone");
    this.#sayGone();
  }

  /** The stub has closed its socket, as QEMU does when it ends. The next attach shows whether it is there. */
  stubEnded(): void {
    if (this.state !== "gone") this.#beginAnew();
    this.#sayGone();
  }

  /** The link to the stub is given up; the next attach makes a new one. The caller ends the client. */
  reset(): void {
    this.#gdb = null;
    if (this.state !== "gone" && this.state !== "asleep") this.#beginAnew();
  }

  #mustBeThere(): void {
    if (this.state === "gone") throw new RingsideError("machine_gone");
  }

  #beginAnew(): void {
    this.#still = "no";
    this.#paused = false;
    this.#known.ledger.unwantAll();
    this.#dropStub();
    this.#known.forgetStop();
  }

  #dropStub(): void {
    this.#known.ledger.stubForgot();
    this.#stub.drop();
  }

  /** Whoever stopped the machine may have resumed it since, which a stub does not say: connecting stops it. */
  #connectAnew(): void {
    this.#known.forgetStop();
    this.#known.ledger.stubForgot();
    this.#stub.connect();
  }

  #takeHold(): void {
    if (this.state === "unconnected" || this.state === "parked") this.#connectAnew();
    else this.#settle();
  }

  #sayGone(): void {
    const gdb = this.#gdb;
    this.#gdb = null;
    try {
      gdb?.answerWait("W00");
    } finally {
      if (gdb !== null) this.#ports.closeGdb();
    }
  }

  #carryOut(gdb: AttachedGdb, decision: Decision): void {
    switch (decision.kind) {
      case "answer":
        gdb.reply(decision.reply);
        break;
      case "refuse":
        this.#ports.record({ type: "gdb.refused", connection: gdb.connection, why: decision.why });
        gdb.reply(decision.reply);
        break;
      case "ask":
        this.#ask(gdb, decision);
        break;
      case "resume":
        gdb.waitForStop(decision, INTERRUPT_KEPT_MS);
        this.#settle();
        break;
      case "leave":
        gdb.letGo(decision.reply);
        this.#settle();
        break;
      case "attach":
        if (gdb.detached) gdb.holdAgain();
        else gdb.reply(this.#known.stopReply);
        this.#takeHold();
        break;
      default:
        decision satisfies never;
    }
  }

  #ask(gdb: AttachedGdb, { talk, writes }: Extract<Decision, { kind: "ask" }>): void {
    const { machine, icount } = this.#known;
    const asked = writes && machine.recording ? journalled(talk, icount, (event) => this.#ports.record(event)) : talk;
    this.#stub.talk(asked, (reply) => {
      // It may have gone meanwhile, and another may have come.
      if (this.#gdb === gdb) gdb.reply(reply);
      this.#nowStopped();
    });
  }

  #stopped(reply: string, how: StoppedHow): void {
    if (how !== "interrupted" && !this.#isHeld && !this.#known.ledger.stubHasSome) this.#stub.become("parked");
    else this.#describe(reply, how);
  }

  #describe(reply: string, how: StoppedHow): void {
    this.#stub.talk(this.#known.describe(reply, how === "stepped"), (event) => {
      this.#ports.record(event);
      const gdb = this.#gdb;
      // gdb is not told of a stop that the cell itself brought about.
      const ours = how === "interrupted" && isInterrupt(reply) && gdb?.run !== null;
      if (!ours) gdb?.answerWait(reply);
      this.#nowStopped();
    });
  }

  /** Only an error to the resume itself means anything while a stop is due. */
  #didNotRun(error: string): void {
    const gdb = this.#gdb;
    if (gdb?.awaitsStop) {
      gdb.answerWait(error);
      this.#nowStopped();
    } else {
      this.#stub.stray();
    }
  }

  /** What the present state calls for, given who is attached and what holds the machine. */
  #settle(): void {
    const { state } = this.#stub;
    if (state.kind === "stopped") this.#settleStopped();
    else if (state.kind === "running" && this.#mustStop) this.#stub.interrupt(state.action);
    else if (this.takesPackets) this.#ports.wake();
  }

  #nowStopped(): void {
    this.#stub.become("stopped");
    this.#settleStopped();
  }

  #settleStopped(): void {
    if (this.#still === "here") return;
    const gdb = this.#gdb;
    if (!this.#isHeld) this.#known.ledger.unwantAll();
    if (gdb?.wantsStopNow) {
      this.#known.interrupted();
      gdb.answerWait(this.#known.stopReply);
    }
    if (!this.#isHeld && !this.#known.ledger.isInStep) this.#bringInStep(() => undefined);
    else if (!this.#mayRun) this.#stand();
    else if (gdb?.run) this.#runFor(gdb, gdb.run);
    else this.#run(0, RUN_ON);
  }

  #bringInStep(done: (error: string | null) => void): void {
    this.#stub.talk(this.#known.ledger.bringInStep(), (error) => {
      done(error);
      this.#nowStopped();
    });
  }

  #stand(): void {
    this.#gdb?.sayFarewell();
    if (this.#still === "coming") {
      this.#still = "here";
      this.#ports.stoodStill();
    } else if (this.takesPackets) {
      this.#ports.wake();
    }
  }

  #runFor(gdb: AttachedGdb, run: Run): void {
    if (this.#known.ledger.isInStep) {
      gdb.runs(run);
      this.#run(gdb.connection, run);
      return;
    }
    this.#bringInStep((error) => {
      if (error !== null && this.#gdb === gdb) gdb.answerWait(error);
    });
  }

  #run(connection: number, { payload, action }: Run): void {
    this.#ports.record({ type: "machine.resumed", connection, action });
    this.#known.ran();
    this.#stub.resume(payload, action);
    this.#gdb?.sayFarewell();
    this.#settle();
  }

  /** A gdb is attached and has not let go. */
  get #isHeld(): boolean {
    return this.#gdb !== null && !this.#gdb.detached;
  }

  get #mayRun(): boolean {
    return this.#still === "no" && this.runsOn;
  }

  /** The machine runs, but somebody wants it to stand, or a gdb has left breakpoints behind. */
  get #mustStop(): boolean {
    return !this.#mayRun || (!this.#isHeld && this.#known.ledger.stubHasSome);
  }
}

const isInterrupt = (reply: string): boolean => reply.startsWith("T02");
