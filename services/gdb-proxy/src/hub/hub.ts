import assert from "node:assert/strict";
import { RingsideError } from "@ringside/shared";
import type { AheadWish } from "./ahead/log.ts";
import { StepsBack } from "./ahead/steps-back.ts";
import { type AttachedDebugger, type Attaching, RUN_ON, type Run } from "./attached-debugger.ts";
import { Attendance } from "./attendance.ts";
import type { Conversation } from "./conversation.ts";
import { Glances } from "./glances.ts";
import { Leaving } from "./leaving.ts";
import { type HubMachine, MachineKnowledge } from "./machine-knowledge.ts";
import { Orders } from "./orders.ts";
import type { HubPorts } from "./ports.ts";
import { Requests } from "./requests.ts";
import { Seats } from "./seats.ts";
import { Stops } from "./stops.ts";
import { StubSide, type StubState } from "./stub-side.ts";
import { Telling } from "./telling.ts";

/**
 * The Hub's state machine: one machine's stub, the debuggers that are attached, and what else holds the machine
 * still. No I/O.
 *
 *   unconnected ──attach──► connecting ──► talking (greeting) ──► talking (describing) ──► stopped
 *   stopped ──a packet──► talking ──answer──► stopped          stopped ──resume──► running, or stepping for a range
 *   running ──0x03──► interrupting;   running, interrupting ──stop reply──► talking (describing) ──► stopped
 *   running ──stop at a condition──► stepping (weighing) ──► running, or talking (describing) ──► stopped
 *   running, nobody holds ──stop reply──► parked: somebody else stopped it; nothing is sent until one attaches
 *   stopped, held still ──sleep──► asleep ──rejoin──► connecting ──► talking (greeting) ──► stopped
 *
 * The machine runs where nobody wants it to stand: the driver that it stops for, one who must be shown a stop, a
 * pause, or standStill(). The driver sees nothing of the others: who waits for a stop goes on waiting, and the run
 * goes on when the machine does. Events are recorded before their consequences are forwarded; a port that throws
 * leaves the Hub to reset().
 */
export class Hub {
  readonly #ports: HubPorts;
  readonly #stub: StubSide;
  readonly #known: MachineKnowledge;
  readonly #seats = new Seats();
  readonly #glances: Glances;
  readonly #leaving: Leaving;
  readonly #orders: Orders;
  readonly #telling: Telling;
  readonly #stepsBack: StepsBack;
  readonly #stops: Stops;
  readonly #requests: Requests;
  readonly #attendance: Attendance;
  #paused = false;
  #still: "no" | "coming" | "here" = "no";

  constructor(machine: HubMachine, ports: HubPorts) {
    this.#known = new MachineKnowledge(machine);
    this.#ports = ports;
    this.#stub = new StubSide(ports, {
      stopped: (reply, how) => this.#stops.stopped(reply, how),
      didNotRun: (error) => this.#didNotRun(error),
      exited: () => this.gone(new RingsideError("machine_gone")),
    });
    const settle = () => this.#settle();
    this.#glances = new Glances(ports, settle);
    this.#leaving = new Leaving(ports, this.#known.ledger, machine.onDisconnect, settle);
    this.#orders = new Orders(ports, this.#seats, machine);
    const parts = { ports, stub: this.#stub, known: this.#known, seats: this.#seats, glances: this.#glances };
    this.#telling = new Telling(parts);
    this.#stepsBack = new StepsBack({ ...parts, telling: this.#telling });
    const both = { telling: this.#telling, stepsBack: this.#stepsBack };
    const all = { ...parts, ...both, leaving: this.#leaving, orders: this.#orders };
    const stands = () => this.#nowStopped();
    this.#stops = new Stops({ ...all, isHeld: () => this.#isHeld, settle, stands });
    const takeHold = () => this.#takeHold();
    this.#requests = new Requests({ ...all, isPaused: () => this.#paused, settle, stands, takeHold });
    const mustBeThere = () => this.#mustBeThere();
    this.#attendance = new Attendance({ ...all, requests: this.#requests, mustBeThere, settle, takeHold });
  }

  get state(): StubState["kind"] {
    return this.#stub.state.kind;
  }

  get stubOwesAnswer(): boolean {
    return this.#stub.owesAnswer;
  }

  /** The target description: file name → text. */
  get features(): ReadonlyMap<string, string> {
    return this.#known.features;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** True where nobody is known to hold the machine: it runs on when it wakes, without the Hub. */
  get isFree(): boolean {
    return this.#seats.isEmpty && !this.#paused && !this.#leaving.stands;
  }

  /** True where the guest runs, but for a standstill. */
  get runsOn(): boolean {
    return !this.#paused && this.#isToRun;
  }

  /** True where the guest may be taking what is typed. */
  get guestMayRun(): boolean {
    return !["connecting", "talking", "stopped", "asleep", "gone"].includes(this.state);
  }

  /** True where nothing is left to do for a debugger that went. */
  get isQuiet(): boolean {
    if (!this.#seats.isEmpty || this.#stub.owesAnswer || this.state === "stepping") return false;
    return this.state !== "stopped" || (!this.runsOn && !this.#known.ledger.stubHasSome);
  }

  /** @throws RingsideError debugger_busy, rate_limited, machine_gone, as attach() would */
  mustTake(role: Attaching["role"]): void {
    this.#mustBeThere();
    this.#seats.mustTake(role);
  }

  /** Debuggers come and go here. */
  get attendance(): Attendance {
    return this.#attendance;
  }

  /** The cell lets go: who leaves from now on leaves nothing behind. */
  closing(): void {
    this.#leaving.forget(true);
    this.#settle();
  }

  /** Holds the machine still until resume(), whoever attaches and leaves. */
  pause(): void {
    this.#mustBeThere();
    this.#paused = true;
    if (this.state !== "asleep") this.#takeHold();
  }

  /** Ends a pause, also one that is not known of here; what a debugger has stopped stays stopped. */
  resume(): void {
    this.#mustBeThere();
    this.#paused = false;
    this.#leaving.runOn();
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

  /** Lets go of the stub of a machine that stands still, or that nobody holds. Debuggers stay, none the wiser. */
  sleep(): void {
    assert(this.#still === "here" || this.mayJustSleep, "only what stands still may fall asleep");
    if (this.#still === "no") this.#known.forgetStop();
    this.#still = "no";
    this.#leaving.forget(false);
    this.#dropStub();
    this.#stub.become("asleep");
  }

  /**
   * The machine is awake again, with a stub to connect to.
   * @param how "stands": as it fell asleep, and somebody must let it run; "runs": it runs on already
   */
  rejoin(how: "stands" | "runs"): void {
    assert(this.state === "asleep", "only what sleeps is woken");
    if (how === "runs") {
      this.#known.forgetStop();
      this.#stepsBack.drop();
    }
    if (how === "runs" && this.isFree) this.#stub.become("unconnected");
    else this.#stub.connect();
  }

  /** The stub's socket is open. */
  connected(): void {
    assert(this.state === "connecting", "connected() answers connectStub()");
    const known = this.#known;
    if (known.hasStop) this.#stub.talk(known.greetAgain(), () => this.#nowStopped());
    else this.#stub.talk(known.greet(), (stopReply) => this.#stops.ours(stopReply));
  }

  /** True where packet() and read() take what this debugger sends. */
  takes(one: AttachedDebugger): boolean {
    return this.#still === "no" && this.#requests.takes(one);
  }

  /** A debugger has sent something that cannot be taken now. */
  packetWaits(): void {
    if (this.state === "asleep") this.#ports.wakeMachine();
  }

  /** A debugger's packet; only while takes(). */
  packet(one: AttachedDebugger, payload: string, ahead?: AheadWish): void {
    assert(this.takes(one), "a packet out of turn");
    this.#requests.packet(one, payload, ahead);
  }

  /** See DebuggerSeat.read(); only while takes(). */
  read(one: AttachedDebugger, talk: Conversation<void>, done: () => void): void {
    assert(this.takes(one), "a read out of turn");
    this.#requests.read(one, talk, done);
  }

  /** A packet's payload from the stub. */
  stubPacket(payload: string): void {
    this.#stub.packet(payload);
  }

  /** The machine has ended: who waits for a stop is told so, and then why. Nothing can follow. */
  gone(error: RingsideError): void {
    this.#stub.become("gone");
    this.#attendance.endAll(error);
  }

  /** The stub has closed its socket, as QEMU does when it ends. The next attach shows whether it is there. */
  stubEnded(error: RingsideError): void {
    const { all } = this.#seats;
    if (this.state !== "gone") this.#beginAnew();
    this.#attendance.endAll(error, all);
  }

  /** The link to the stub is given up; the next attach makes a new one. The caller ends the debuggers. */
  reset(): void {
    this.#seats.clear();
    if (this.state !== "gone" && this.state !== "asleep") this.#beginAnew();
  }

  /** Nothing is done any more of what was to be done later. */
  forget(): void {
    this.#glances.clear();
    this.#leaving.forget(true);
  }

  #mustBeThere(): void {
    if (this.state === "gone") throw new RingsideError("machine_gone");
  }

  #beginAnew(): void {
    this.#still = "no";
    this.#paused = false;
    this.#seats.clear();
    this.#glances.clear();
    this.#leaving.forget(false);
    this.#known.ledger.clear();
    this.#dropStub();
    this.#known.forgetStop();
    this.#stepsBack.drop();
  }

  #dropStub(): void {
    this.#known.ledger.stubForgot();
    this.#stops.forget();
    this.#stub.drop();
  }

  /** Whoever stopped the machine may have resumed it since, which a stub does not say: connecting stops it. */
  #connectAnew(): void {
    this.#known.forgetStop();
    this.#stepsBack.drop();
    this.#known.ledger.stubForgot();
    this.#stub.connect();
  }

  #takeHold(): void {
    if (this.state === "unconnected" || this.state === "parked") this.#connectAnew();
    else this.#settle();
  }

  /** Only an error to the resume itself means anything while a stop is due. */
  #didNotRun(error: string): void {
    const { driver } = this.#seats;
    if (driver?.awaitsStop) {
      driver.answerWait(error);
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
    else if (state.kind === "stepping" && (this.#mustStop || this.#stops.stepsForNobody)) this.#stub.cut(state.travel);
    else this.#requests.wake((one) => this.takes(one));
  }

  #nowStopped(): void {
    this.#stub.become("stopped");
    this.#settleStopped();
  }

  #settleStopped(): void {
    if (this.#still === "here") return;
    const { driver } = this.#seats;
    const { ledger } = this.#known;
    const nowStopped = () => this.#nowStopped();
    if (this.#stepsBack.due(nowStopped) || this.#telling.due(nowStopped)) return;
    const hasWork = this.#mayRun ? !ledger.isInStep : !this.#isHeld && ledger.stubHasUnwanted;
    if (hasWork) this.#bringInStep();
    else if (!this.#mayRun) this.#stand();
    else if (driver?.run && this.#isHeld) this.#runFor(driver, driver.run);
    else this.#run(0, RUN_ON);
  }

  #bringInStep(): void {
    const { driver } = this.#seats;
    this.#stub.talk(this.#known.ledger.bringInStep(driver?.connection ?? 0), (error) => {
      if (error !== null && this.#seats.driver === driver) driver?.answerWait(error);
      this.#nowStopped();
    });
  }

  #stand(): void {
    for (const one of this.#seats.all) one.sayFarewell();
    if (this.#still === "coming") {
      this.#still = "here";
      this.#ports.stoodStill();
    } else {
      this.#requests.wake((one) => this.takes(one));
    }
  }

  #runFor(driver: AttachedDebugger, run: Run): void {
    driver.runs(run);
    this.#run(driver.connection, run);
  }

  #run(connection: number, run: Run): void {
    const { stopReply } = this.#known;
    const over = run === RUN_ON && this.#known.standsAtBreakpoint;
    this.#ports.record({ type: "machine.resumed", connection, action: run.action });
    this.#known.ran();
    this.#leaving.ran();
    this.#stepsBack.drop();
    this.#telling.changed(connection);
    const { payload, ahead: wish } = run;
    const ahead = wish !== undefined && this.#mayGoAhead ? { connection, payload, wish } : null;
    if (run.action === "range") {
      this.#stops.stepThrough(run, ahead);
    } else if (ahead !== null) {
      this.#stops.stepAhead(ahead);
    } else if (over) {
      this.#stops.runOver(stopReply);
    } else {
      this.#stub.resume(run.payload, run.action);
    }
    for (const one of this.#seats.all) one.sayFarewell();
    this.#settle();
  }

  /** Nobody else is there to see it, and no log of QEMU's would lack what is taken back. */
  get #mayGoAhead(): boolean {
    const { machine } = this.#known;
    return machine.arch === "x86_64" && !machine.recording && this.#seats.all.length === 1;
  }

  /** Somebody drives and has not let go. */
  get #isHeld(): boolean {
    const { driver } = this.#seats;
    return driver !== null && !driver.detached;
  }

  /** The driver's wish; without one, what the last of them has left. */
  get #isToRun(): boolean {
    return this.#isHeld ? this.#seats.driver?.run != null : !this.#leaving.stands;
  }

  get #mayRun(): boolean {
    return this.#still === "no" && this.runsOn && !this.#glances.isOn;
  }

  /** The machine runs, but somebody wants it to stand, or one who went has left breakpoints in the stub. */
  get #mustStop(): boolean {
    return !this.#mayRun || this.#telling.isWanted || this.#known.ledger.stubHasUnwanted;
  }
}
