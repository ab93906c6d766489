import type { Arch, ConnectionRole } from "@ringside/shared";
import { RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import { GdbClient } from "../client/gdb-client.ts";
import type { Transport } from "../client/transport.ts";
import { STUB_REPLY_MS } from "../limits.ts";
import type { Recorder } from "../record/recorder.ts";
import { Hub } from "./hub.ts";
import type { HubPorts } from "./ports.ts";
import { StubSocket } from "./stub-socket.ts";

export interface MachineHubOptions {
  readonly stubPath: string;
  readonly arch: Arch;
  readonly qemuVersion: string;
  readonly recording: boolean;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Told with each gdb that comes or goes: how many there are. */
  readonly presence: (debuggers: number) => void;
  /** gdb wants the machine that sleeps: rejoin() or wakeFailed() follow. */
  readonly wakeMachine: () => void;
  readonly stubReplyMs?: number;
}

/**
 * One machine's Hub with its socket, its deadline and its gdb: the sole owner of the stub. Whatever goes
 * wrong ends the link and the gdb, and leaves the next attach to begin anew.
 */
export class MachineHub {
  readonly #options: MachineHubOptions;
  readonly #hub: Hub;
  #stub: StubSocket | null = null;
  #gdb: { readonly client: GdbClient; readonly connection: number } | null = null;
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
    return this.#gdb !== null;
  }

  /** True where no gdb is attached and its leaving is done. */
  get isQuiet(): boolean {
    return this.#gdb === null && this.#hub.isQuiet;
  }

  /**
   * Gives the machine to a gdb.
   * @throws RingsideError debugger_busy, machine_gone, and what recording throws
   */
  attach(transport: Transport, who: { readonly user: string; readonly role: ConnectionRole }): void {
    if (this.#gdb !== null) throw new RingsideError("debugger_busy");
    if (this.#hub.state === "gone") throw new RingsideError("machine_gone");
    const { recorder, presence } = this.#options;
    const connection = recorder.nextConnection();
    recorder.append({ type: "connection.opened", connection, kind: "gdb", via: transport.via, ...who });
    const hub = this.#hub;
    const client: GdbClient = new GdbClient(transport, {
      get takesPackets() {
        return hub.takesPackets;
      },
      packet: (payload) => this.#guard(() => this.#hub.packet(payload)),
      packetWaits: () => this.#hub.packetWaits(),
      interrupt: () => this.#guard(() => this.#hub.interrupt()),
      left: (why) => this.#left(client, connection, why),
    });
    this.#gdb = { client, connection };
    presence(1);
    this.#guard(() => this.#hub.attach(connection));
    client.start();
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
   * Brings the machine to a standstill; goOn() ends it. gdb is none the wiser.
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
   * Brings the machine to a standstill and lets go of its stub; gdb stays, and what it sends calls wakeMachine.
   * @throws RingsideError machine_gone, machine_unresponsive
   */
  async suspend(): Promise<void> {
    if (!this.#hub.mayJustSleep) await this.standStill();
    this.#hub.sleep();
    this.#gdb?.client.wake();
  }

  /** The machine is awake again. @param how as Hub.rejoin() says */
  rejoin(stubPath: string, how: "stands" | "runs"): void {
    this.#stubPath = stubPath;
    this.#guard(() => this.#hub.rejoin(how));
  }

  /** The machine does not wake: gdb is told why, and ended. */
  wakeFailed(error: RingsideError): void {
    this.#guard(() => this.#hub.giveUp(`${error.code}: ${error.message}`));
    this.#gdb?.client.refuse(error);
  }

  /** Ends the gdb, if there is one, and lets the machine run on. */
  endGdb(error: RingsideError): void {
    this.#gdb?.client.end(error);
  }

  /** Ends the gdb and lets go of the stub as it is; all that is to be recorded is recorded when this returns. */
  finish(error: RingsideError): void {
    const gdb = this.#gdb;
    this.#gdb = null;
    this.close();
    if (gdb === null) return;
    gdb.client.end(error);
    this.#recordClosed(gdb.connection, error.code);
  }

  /** The machine has ended; a gdb that waits for a stop is told so, and then why. */
  gone(error: RingsideError): void {
    this.#goneBecause = error;
    this.#guard(() => this.#hub.gone());
    this.close();
  }

  /** Lets go of the stub as it is. */
  close(): void {
    clearTimeout(this.#deadline);
    this.#notStood(this.#goneBecause);
    this.#stub?.close();
    this.#stub = null;
  }

  #left(client: GdbClient, connection: number, why: string): void {
    if (this.#gdb?.client !== client) return;
    this.#gdb = null;
    this.#guard(() => this.#hub.leave());
    this.#recordClosed(connection, why);
  }

  #recordClosed(connection: number, why: string): void {
    this.#options.presence(0);
    try {
      this.#options.recorder.append({ type: "connection.closed", connection, why });
    } catch (error) {
      this.#options.log.warn({ err: error, connection }, "the end of a connection was not recorded");
    }
  }

  /** Runs a turn of the state machine; what it throws ends the link and the gdb. */
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
    const gdb = this.#gdb;
    this.#hub.reset();
    this.#notStood(error);
    gdb?.client.end(error);
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
          this.#guard(() => this.#hub.stubEnded());
          this.#notStood(error);
        } else this.#fail(error);
      },
    });
    this.#stub = stub;
  }

  #ports(): HubPorts {
    const { recorder } = this.#options;
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
      toGdb: (payload) => {
        recorder.flush();
        this.#gdb?.client.reply(payload);
      },
      closeGdb: () => {
        recorder.flush();
        this.#gdb?.client.end(this.#goneBecause);
      },
      stoodStill: () => {
        recorder.flush();
        this.#stood?.resolve();
        this.#stood = null;
      },
      wakeMachine: () => this.#options.wakeMachine(),
      wake: () => this.#gdb?.client.wake(),
      record: (event) => recorder.stage(event),
      nowMs: () => performance.now(),
    };
  }
}
