import { type ConnectionRole, RingsideError, type Seal } from "@ringside/shared";
import type { Logger } from "pino";
import type { Transport } from "../client/transport.ts";
import { MachineConsole } from "../console/machine-console.ts";
import { MachineHub } from "../hub/machine-hub.ts";
import { Recorder, type TraceLog } from "../record/recorder.ts";
import type { FoundMachine } from "./machine-folders.ts";

export interface Client {
  readonly user: string;
  readonly role: ConnectionRole;
}

export interface ServedSessionOptions {
  readonly trace: TraceLog;
  readonly machine: FoundMachine;
  readonly log: Logger;
  readonly presence: (epoch: number, debuggers: number) => void;
}

interface ServedMachine {
  readonly found: FoundMachine;
  readonly hub: MachineHub;
  readonly console: MachineConsole;
}

/** A session that this cell records: its trace, which goes on over resets, and its present machine. */
export class ServedSession {
  readonly #options: ServedSessionOptions;
  readonly #recorder: Recorder;
  readonly #log: Logger;
  #machine: ServedMachine | null = null;
  /** The machine that was served last, so that one that has ended is not taken for a new one. */
  #lastInstance = "";

  constructor(options: ServedSessionOptions) {
    this.#options = options;
    this.#log = options.log;
    const { trace } = options;
    const lastSeq = trace.sealed === null ? this.#foundEvent(trace, options.machine) : 0;
    this.#recorder = new Recorder(trace, lastSeq, (error) => this.#end(error));
    // A proxy that died with a gdb attached has not said that it left.
    if (lastSeq > 1) options.presence(options.machine.file.epoch, 0);
    if (trace.sealed === null) this.#serve(options.machine, lastSeq > 1 ? "recorded" : "new");
  }

  get seal(): Seal | null {
    return this.#recorder.sealed;
  }

  get hasMachine(): boolean {
    return this.#machine !== null;
  }

  /** True where no gdb is attached and the machine runs on. */
  get isQuiet(): boolean {
    return this.#machine === null || this.#machine.hub.isQuiet;
  }

  /** True where this machine is not the one that is or was served. */
  isNew(machine: FoundMachine): boolean {
    return machine.instance !== this.#lastInstance && this.seal === null;
  }

  /** A machine of the session has been found, the first or one of a later epoch. */
  machineFound(machine: FoundMachine): void {
    this.machineGone("The machine was reset: connect again");
    this.#foundEvent(this.#recorder, machine);
    this.#serve(machine, "new");
  }

  /** The machine has ended or its folder has gone: ends its connections. */
  machineGone(message?: string): void {
    const machine = this.#machine;
    if (machine === null) return;
    this.#machine = null;
    const { epoch } = machine.found.file;
    const error = new RingsideError("machine_gone", message === undefined ? {} : { message });
    machine.hub.gone(error);
    machine.console.endClients(error);
    machine.console.close();
    this.#note(() => this.#recorder.append({ type: "machine.gone", epoch }));
    this.#log.info({ epoch }, "machine gone");
  }

  /** @throws RingsideError session_ended, session_not_ready, debugger_busy, machine_gone, … */
  attachGdb(transport: Transport, client: Client): void {
    this.#served().hub.attach(transport, client);
  }

  /** @throws RingsideError as attachGdb does where a second gdb would be refused */
  mustBeFree(): void {
    if (this.#served().hub.isBusy) throw new RingsideError("debugger_busy");
  }

  attachConsole(transport: Transport, client: Client): void {
    this.#served().console.attach(transport, client);
  }

  /** Ends the session's connections and its trace. */
  sealNow(): Seal {
    const error = new RingsideError("session_ended");
    this.#machine?.hub.finish(error);
    this.#machine?.console.finish(error);
    this.#machine = null;
    return this.#recorder.seal();
  }

  /** Ends connections; the machine runs on. */
  endConnections(error: RingsideError): void {
    this.#end(error);
  }

  async close(): Promise<void> {
    const error = new RingsideError("shutting_down");
    this.#machine?.hub.finish(error);
    this.#machine?.console.finish(error);
    this.#machine = null;
    await this.#recorder.close();
  }

  #served(): ServedMachine {
    if (this.seal !== null) throw new RingsideError("session_ended");
    if (this.#machine === null) throw new RingsideError("machine_gone");
    return this.#machine;
  }

  #foundEvent(trace: Pick<TraceLog, "append">, { file }: FoundMachine): number {
    return trace.append({ type: "machine.found", epoch: file.epoch, qemu: file.qemuVersion }).seq;
  }

  #serve(found: FoundMachine, startIs: "new" | "recorded"): void {
    this.#lastInstance = found.instance;
    const { epoch, arch, qemuVersion, consoleStart } = found.file;
    const shared = { recorder: this.#recorder, log: this.#log };
    const hub = new MachineHub({
      ...shared,
      stubPath: found.stubPath,
      arch,
      qemuVersion,
      presence: (debuggers) => this.#options.presence(epoch, debuggers),
    });
    const ended = () => this.machineGone();
    const start = Buffer.from(consoleStart, "latin1");
    const terminal = new MachineConsole({ ...shared, socketPath: found.consolePath, start, startIs, ended });
    this.#machine = { found, hub, console: terminal };
    this.#log.info({ epoch }, "machine found");
  }

  #end(error: RingsideError): void {
    this.#machine?.hub.endGdb(error);
    this.#machine?.console.endClients(error);
  }

  #note(record: () => void): void {
    try {
      record();
    } catch (error) {
      this.#log.warn({ err: error }, "an event was not recorded");
    }
  }
}
