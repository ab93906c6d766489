import type { Arch, ConnectionRole } from "@ringside/shared";
import { RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import { GdbClient } from "../client/gdb-client.ts";
import type { Transport } from "../client/transport.ts";
import { STUB_REPLY_MS } from "../limits.ts";
import type { Recorder } from "../record/recorder.ts";
import { Hub, type HubPorts } from "./hub.ts";
import { StubSocket } from "./stub-socket.ts";

export interface MachineHubOptions {
  readonly stubPath: string;
  readonly arch: Arch;
  readonly qemuVersion: string;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Told with each gdb that comes or goes: how many there are. */
  readonly presence: (debuggers: number) => void;
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
  #goneBecause = new RingsideError("machine_gone");

  constructor(options: MachineHubOptions) {
    this.#options = options;
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
      interrupt: () => this.#guard(() => this.#hub.interrupt()),
      left: (why) => this.#left(client, connection, why),
    });
    this.#gdb = { client, connection };
    presence(1);
    this.#guard(() => this.#hub.attach(connection));
    client.start();
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
    gdb?.client.end(error);
  }

  #overdue(): void {
    if (!this.#hub.stubOwesAnswer) return;
    this.#fail(new RingsideError("machine_unresponsive"));
  }

  #connect(): void {
    const stub = new StubSocket(this.#options.stubPath, {
      connected: () => this.#guard(() => this.#hub.connected()),
      packet: (payload) => this.#guard(() => this.#hub.stubPacket(payload)),
      ended: (error) => {
        if (this.#stub !== stub) return;
        this.#stub = null;
        if (error.code === "machine_gone") this.#guard(() => this.#hub.stubEnded());
        else this.#fail(error);
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
      wake: () => this.#gdb?.client.wake(),
      record: (event) => recorder.stage(event),
      nowMs: () => performance.now(),
    };
  }
}
