import type { ConnectionRole } from "@ringside/shared";
import { RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import { STUB_REPLY_MS } from "../limits.ts";
import type { Recorder } from "../record/recorder.ts";
import type { AttachedDebugger } from "./attached-debugger.ts";
import type { AttachedBefore, AttachWho, Debugger, DebuggerSeat } from "./debugger.ts";
import { Hub } from "./hub.ts";
import type { HubMachine } from "./machine-knowledge.ts";
import type { HubPorts } from "./ports.ts";
import { StubSocket } from "./stub-socket.ts";

export interface MachineHubOptions extends HubMachine {
  readonly stubPath: string;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Told with each debugger that comes or goes: how many there are. */
  readonly presence: (debuggers: number) => void;
  /** Somebody wants the machine that sleeps: rejoin() or wakeFailed() follow. */
  readonly wakeMachine: () => void;
  /** A line for those who watch the console. */
  readonly announce: (text: string) => void;
  /** `user` wants a fresh machine in place of this one. */
  readonly resetWanted: (user: string) => void;
  /** Types at the console, and records it. */
  readonly type: (connection: number, text: string) => void;
  readonly stubReplyMs?: number;
}

/**
 * One machine's Hub with its socket, its deadline and its debuggers: the sole owner of the stub. Whatever goes
 * wrong ends the link and the debuggers, and leaves the next attach to begin anew.
 */
export class MachineHub {
  readonly #options: MachineHubOptions;
  readonly #hub: Hub;
  #stub: StubSocket | null = null;
  readonly #debuggers = new Map<number, Debugger>();
  readonly #deadline: NodeJS.Timeout;
  #stubPath: string;
  /** Who waits for the machine to stand still. */
  #stood: PromiseWithResolvers<void> | null = null;
  #goneBecause = new RingsideError("machine_gone");

  constructor(options: MachineHubOptions) {
    this.#options = options;
    this.#stubPath = options.stubPath;
    this.#hub = new Hub(options, this.#ports());
    this.#deadline = setTimeout(() => this.#overdue(), options.stubReplyMs ?? STUB_REPLY_MS);
    this.#deadline.unref();
  }

  get isBusy(): boolean {
    return this.#debuggers.size > 0;
  }

  /** True where nobody is attached and their leaving is done. */
  get isQuiet(): boolean {
    return !this.isBusy && this.#hub.isQuiet;
  }

  /** @throws RingsideError debugger_busy, rate_limited, machine_gone, as attach() would */
  mustTake(role: ConnectionRole): void {
    this.#hub.mustTake(role);
  }

  /**
   * Gives the machine to a debugger: see debugger.ts.
   * @throws RingsideError debugger_busy, rate_limited, machine_gone, and what recording throws
   */
  attach(debuggerOf: (seat: DebuggerSeat) => Debugger, who: AttachWho, again: AttachedBefore | null = null): void {
    this.#hub.mustTake(who.role);
    const { recorder, presence } = this.#options;
    const { user, role, via } = who;
    const connection = recorder.nextConnection();
    recorder.append({ type: "connection.opened", connection, kind: "gdb", via, user, role });
    let attached: AttachedDebugger | null = null;
    const end = debuggerOf(this.#seat(connection, () => attached));
    const one = this.#hub.attendance.debuggerOf(end, { connection, user, role });
    attached = one;
    this.#debuggers.set(connection, end);
    presence(this.#debuggers.size);
    this.#guard(() => this.#hub.attendance.attach(one, again));
  }

  get isPaused(): boolean {
    return this.#hub.isPaused;
  }

  /** True where nobody holds the machine: it runs on when it wakes. */
  get isFree(): boolean {
    return this.#hub.isFree;
  }

  /** True where the guest runs, but for a standstill. */
  get runsOn(): boolean {
    return this.#hub.runsOn;
  }

  get guestMayRun(): boolean {
    return this.#hub.guestMayRun;
  }

  /**
   * Holds the machine still for everybody until resume().
   * @throws RingsideError machine_gone, machine_unresponsive
   */
  async pause(): Promise<void> {
    this.#guard(() => this.#hub.pause());
    if (this.#hub.state === "asleep") return;
    await this.standStill();
    this.goOn();
  }

  /** Ends a pause. */
  resume(): void {
    this.#guard(() => this.#hub.resume());
  }

  /**
   * Brings the machine to a standstill; goOn() ends it. Debuggers are none the wiser.
   * @throws RingsideError machine_gone, machine_unresponsive
   */
  async standStill(): Promise<void> {
    const stood = Promise.withResolvers<void>();
    this.#stood = stood;
    this.#guard(() => this.#hub.standStill());
    await stood.promise;
  }

  goOn(): void {
    this.#guard(() => this.#hub.goOn());
  }

  /**
   * Brings the machine to a standstill and lets go of its stub; debuggers stay, and what they send calls wakeMachine.
   * @throws RingsideError machine_gone, machine_unresponsive
   */
  async suspend(): Promise<void> {
    if (!this.#hub.mayJustSleep) await this.standStill();
    this.#hub.sleep();
    // What they have sent meanwhile shall wake it.
    for (const one of this.#debuggers.values()) one.wake();
  }

  /** The machine is awake again. @param how as Hub.rejoin() says */
  rejoin(stubPath: string, how: "stands" | "runs"): void {
    this.#stubPath = stubPath;
    this.#guard(() => this.#hub.rejoin(how));
  }

  /** The machine does not wake: debuggers are told why, and ended. */
  wakeFailed(error: RingsideError): void {
    this.#guard(() => this.#hub.attendance.giveUp(`${error.code}: ${error.message}`));
    this.#endAll(error);
  }

  /** Ends the debuggers, who leave nothing behind, and lets the machine run on. */
  endDebuggers(error: RingsideError): void {
    this.#guard(() => this.#hub.closing());
    this.#endAll(error);
  }

  /** Ends the debuggers and lets go of the stub as it is; all that is to be recorded is recorded when this returns. */
  finish(error: RingsideError): void {
    const debuggers = [...this.#debuggers];
    this.#debuggers.clear();
    this.close();
    for (const [connection, one] of debuggers) {
      one.end(error);
      this.#recordClosed(connection, error.code);
    }
  }

  /** The machine has ended; who waits for a stop is told so, and then why. */
  gone(error: RingsideError): void {
    this.#goneBecause = error;
    this.#guard(() => this.#hub.gone(error));
    this.close();
  }

  /** Lets go of the stub as it is. */
  close(): void {
    clearTimeout(this.#deadline);
    this.#notStood(this.#goneBecause);
    this.#stub?.close();
    this.#stub = null;
    this.#hub.forget();
  }

  #seat(connection: number, attached: () => AttachedDebugger | null): DebuggerSeat {
    const hub = this.#hub;
    const guarded = (turn: (one: AttachedDebugger) => void) => {
      const one = attached();
      if (one !== null) this.#guard(() => turn(one));
    };
    return {
      connection,
      arch: this.#options.arch,
      memoryMib: this.#options.memoryMib,
      get features() {
        return hub.features;
      },
      get takesPackets() {
        const one = attached();
        return one !== null && hub.takes(one);
      },
      packet: (payload, ahead) => guarded((one) => hub.packet(one, payload, ahead)),
      back: (taken) => guarded((one) => hub.attendance.back(one, taken)),
      read: (talk, done) => guarded((one) => hub.read(one, talk, done)),
      packetWaits: () => hub.packetWaits(),
      interrupt: () => guarded((one) => hub.attendance.interrupt(one)),
      noted: (payloads) => guarded((one) => hub.attendance.noted(one, payloads)),
      left: (why, how) => this.#left(connection, () => guarded((one) => hub.attendance.leave(one, how)), why),
    };
  }

  #left(connection: number, leave: () => void, why: string): void {
    if (!this.#debuggers.delete(connection)) return;
    leave();
    this.#recordClosed(connection, why);
  }

  #recordClosed(connection: number, why: string): void {
    this.#options.presence(this.#debuggers.size);
    try {
      this.#options.recorder.append({ type: "connection.closed", connection, why });
    } catch (error) {
      this.#options.log.warn({ err: error, connection }, "the end of a connection was not recorded");
    }
  }

  /** Runs a turn of the state machine; what it throws ends the link and the debuggers. */
  #guard(turn: () => void): void {
    try {
      turn();
      this.#options.recorder.flush();
    } catch (cause) {
      this.#fail(cause instanceof RingsideError ? cause : new RingsideError("internal", { cause }));
    }
  }

  #fail(error: RingsideError): void {
    this.#options.log.warn({ err: error, code: error.code, state: this.#hub.state }, "the link to a stub was given up");
    this.#hub.reset();
    this.#notStood(error);
    this.#endAll(error);
  }

  #endAll(error: RingsideError): void {
    for (const one of [...this.#debuggers.values()]) one.end(error);
  }

  #notStood(error: RingsideError): void {
    this.#stood?.reject(error);
    this.#stood = null;
  }

  #overdue(): void {
    if (!this.#hub.stubOwesAnswer) return;
    this.#fail(new RingsideError("machine_unresponsive"));
  }

  #connect(): void {
    const stub = new StubSocket(this.#stubPath, {
      connected: () => this.#guard(() => this.#hub.connected()),
      packet: (payload) => this.#guard(() => this.#hub.stubPacket(payload)),
      ended: (error) => {
        if (this.#stub !== stub) return;
        this.#stub = null;
        if (error.code === "machine_gone") {
          this.#guard(() => this.#hub.stubEnded(this.#goneBecause));
          this.#notStood(error);
        } else this.#fail(error);
      },
    });
    this.#stub = stub;
  }

  #ports(): HubPorts {
    const { recorder, announce, resetWanted, type } = this.#options;
    return {
      connectStub: () => this.#connect(),
      dropStub: () => {
        this.#stub?.close();
        this.#stub = null;
      },
      toStub: (payload) => {
        recorder.flush();
        this.#deadline.refresh();
        this.#stub?.send(payload);
      },
      interruptStub: () => {
        recorder.flush();
        this.#deadline.refresh();
        this.#stub?.interrupt();
      },
      stoodStill: () => {
        recorder.flush();
        this.#stood?.resolve();
        this.#stood = null;
      },
      wakeMachine: () => this.#options.wakeMachine(),
      record: (event) => recorder.stage(event),
      flush: () => recorder.flush(),
      nowMs: () => performance.now(),
      soon: (act) => {
        setImmediate(() => this.#guard(act));
      },
      after: (ms, act) => {
        const timer = setTimeout(() => this.#guard(act), ms);
        timer.unref();
        return { cancel: () => clearTimeout(timer) };
      },
      announce,
      resetWanted,
      type,
    };
  }
}
