import { type ConnectionRole, RingsideError, type Seal, type SessionRecording } from "@ringside/shared";
import type { Logger } from "pino";
import { GdbClient } from "../client/gdb-client.ts";
import type { Transport } from "../client/transport.ts";
import type { GdbFiles } from "../files/gdb-files.ts";
import type { DebuggerSeat } from "../hub/debugger.ts";
import type { MachineHub } from "../hub/machine-hub.ts";
import { CONSOLE_LAST_WORDS_MS } from "../limits.ts";
import { Recorder, type TraceLog } from "../record/recorder.ts";
import type { FoundMachine } from "./machine-folders.ts";
import { ServedMachine } from "./served-machine.ts";

export interface Client {
  readonly user: string;
  readonly role: ConnectionRole;
}

export interface ServedSessionOptions {
  readonly trace: TraceLog;
  readonly machine: FoundMachine;
  readonly log: Logger;
  readonly presence: (epoch: number, debuggers: number) => void;
  /** `user` wants a fresh machine in place of the one of this epoch. */
  readonly resetWanted: (epoch: number, user: string) => void;
  /** A client wants the session's machine, which sleeps. */
  readonly wakeMachine: () => void;
  /** Something was typed at a recorded machine. */
  readonly nudge: (epoch: number) => void;
}

/** A session that this cell records: its trace, which goes on over resets and sleep, and its present machine. */
export class ServedSession {
  readonly #options: ServedSessionOptions;
  readonly #recorder: Recorder;
  readonly #log: Logger;
  #machine: ServedMachine | null = null;
  /** The machine that was served last, so that one that has ended is not taken for a new one. */
  #lastMachine = "";

  constructor(options: ServedSessionOptions) {
    this.#options = options;
    this.#log = options.log;
    const { trace } = options;
    const lastSeq = trace.sealed === null ? this.#foundEvent(trace, options.machine) : 0;
    this.#recorder = new Recorder(trace, lastSeq, (error) => this.endConnections(error));
    // A proxy that died with a gdb attached has not said that it left.
    if (lastSeq > 1) options.presence(options.machine.file.epoch, 0);
    if (trace.sealed === null) this.#serve(options.machine, lastSeq > 1 ? "recorded" : "new");
  }

  get seal(): Seal | null {
    return this.#recorder.sealed;
  }

  /** Its machine, awake or not; null where it has gone. */
  get machine(): ServedMachine | null {
    return this.#machine;
  }

  /** True where no gdb is attached and the machine runs on. */
  get isQuiet(): boolean {
    return this.#machine === null || this.#machine.hub.isQuiet;
  }

  /** True where this machine is not the one that is or was served. */
  isNew(machine: FoundMachine): boolean {
    return machine.file.machine !== this.#lastMachine && this.seal === null;
  }

  /** A machine of the session has been found: the first, the one that slept, or one of a later epoch. */
  machineFound(found: FoundMachine): void {
    const sleeper = this.#machine;
    if (sleeper !== null && sleeper.state !== "awake" && sleeper.file.epoch === found.file.epoch) {
      this.#lastMachine = found.file.machine;
      this.#foundEvent(this.#recorder, found);
      sleeper.rejoin(found);
      return;
    }
    this.machineGone("The machine was reset: connect again");
    this.#foundEvent(this.#recorder, found);
    this.#serve(found, "new");
  }

  /** The machine's folder has gone. One that sleeps has none. */
  folderGone(): void {
    if (this.#machine?.state === "awake") this.machineGone();
  }

  /** The machine has ended: ends its connections. */
  machineGone(message?: string): void {
    const machine = this.#machine;
    if (machine === null) return;
    this.#machine = null;
    const { epoch } = machine.file;
    machine.gone(new RingsideError("machine_gone", message === undefined ? {} : { message }));
    this.#note(() => this.#recorder.append({ type: "machine.gone", epoch }));
    this.#log.info({ epoch }, "machine gone");
  }

  /**
   * Has the machine saved and ended; its clients stay.
   * @param save has the runner do it; where that fails all goes on as it was
   * @throws RingsideError as served() does, machine_unresponsive, and what `save` throws
   */
  async hibernate(save: (epoch: number, runOn: boolean) => Promise<{ readonly bytes: number }>): Promise<number> {
    const machine = this.served();
    const { epoch } = machine.file;
    await machine.suspend();
    try {
      const { bytes } = await save(epoch, !machine.hub.isPaused);
      machine.asleep();
      this.#note(() => this.#recorder.append({ type: "machine.hibernated", epoch }));
      return bytes;
    } catch (error) {
      machine.stayAwake();
      throw error;
    }
  }

  /**
   * Holds the machine still while the runner saves it; then all goes on as it was.
   * @param as what the trace calls the copy
   */
  async whileStill<T>(as: string, save: (epoch: number, runOn: boolean) => Promise<T>): Promise<T> {
    const { hub, file } = this.served();
    await hub.standStill();
    try {
      const saved = await save(file.epoch, hub.runsOn);
      this.#recorder.append({ type: "machine.saved", epoch: file.epoch, as });
      return saved;
    } finally {
      hub.goOn();
    }
  }

  /**
   * @param files that the gdb may read; null: none
   * @throws RingsideError session_ended, machine_gone, debugger_busy, …
   */
  attachGdb(transport: Transport, { user, role }: Client, files: GdbFiles | null = null): void {
    const gdbs: GdbClient[] = [];
    const gdbOf = (seat: DebuggerSeat) => {
      const gdb = new GdbClient(transport, seat, files);
      gdbs.push(gdb);
      return gdb;
    };
    this.served().hub.attach(gdbOf, { user, role, via: transport.via });
    for (const gdb of gdbs) gdb.start();
  }

  /** Gives the machine to what is no gdb itself. @throws RingsideError as attachGdb does */
  attachDebugger(...attach: Parameters<MachineHub["attach"]>): void {
    this.served().hub.attach(...attach);
  }

  /** @throws RingsideError as attachGdb does where one more gdb in this role would be refused */
  mustTake(role: ConnectionRole): void {
    this.served().hub.mustTake(role);
  }

  attachConsole(transport: Transport, client: Client): void {
    this.served().console.attach(transport, client);
  }

  /** Ends the session's connections and lets go of its machine, before the runner ends that. */
  letGo(): void {
    this.#machine?.finish(new RingsideError("session_ended"));
    this.#machine = null;
  }

  /**
   * Ends the session's connections and lets go of its machine, but for the console: a recorded machine may still write.
   * @returns what waits for its last words, once the runner has ended it
   */
  letGoListening(): () => Promise<void> {
    const machine = this.#machine;
    this.#machine = null;
    if (machine === null) return async () => undefined;
    const error = new RingsideError("session_ended");
    machine.hub.finish(error);
    machine.console.endClients(error);
    return async () => {
      await machine.console.silent(CONSOLE_LAST_WORDS_MS);
      machine.console.finish(error);
    };
  }

  /** The machine that was let go of is served again, if it is still there. */
  takeBack(): void {
    this.#lastMachine = "";
  }

  /** Ends the session's connections and its trace. @param kept the recordings that it names, before its seal */
  sealNow(kept: readonly SessionRecording[]): Seal {
    this.letGo();
    for (const recording of kept) this.#recorder.append({ type: "recording.kept", ...recording });
    return this.#recorder.seal();
  }

  /** Ends connections; the machine runs on. */
  endConnections(error: RingsideError): void {
    this.#machine?.endConnections(error);
  }

  async close(): Promise<void> {
    this.#machine?.finish(new RingsideError("shutting_down"));
    this.#machine = null;
    await this.#recorder.close();
  }

  /** @throws RingsideError session_ended, machine_gone */
  served(): ServedMachine {
    if (this.seal !== null) throw new RingsideError("session_ended");
    if (this.#machine === null) throw new RingsideError("machine_gone");
    return this.#machine;
  }

  #foundEvent(trace: Pick<TraceLog, "append">, { file }: FoundMachine): number {
    const { epoch, qemuVersion: qemu, from, recording, template } = file;
    return trace.append({
      type: "machine.found",
      ...{ epoch, qemu },
      ...(from === "fresh" ? {} : { from }),
      ...(recording && template !== null ? { template } : {}),
    }).seq;
  }

  #serve(found: FoundMachine, startIs: "new" | "recorded"): void {
    this.#lastMachine = found.file.machine;
    const { epoch, from } = found.file;
    this.#machine = new ServedMachine({
      found,
      recorder: this.#recorder,
      log: this.#log,
      // What a machine wrote before it slept was recorded then.
      startIs: from === "hibernated" ? "recorded" : startIs,
      presence: (debuggers) => this.#options.presence(epoch, debuggers),
      resetWanted: (user) => this.#options.resetWanted(epoch, user),
      wakeMachine: this.#options.wakeMachine,
      nudge: () => this.#options.nudge(epoch),
      ended: () => this.folderGone(),
    });
    this.#log.info({ epoch, from }, "machine found");
  }

  #note(record: () => void): void {
    try {
      record();
    } catch (error) {
      this.#log.warn({ err: error }, "an event was not recorded");
    }
  }
}
