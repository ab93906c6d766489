import { RingsideError, SESSION_MINUTES_MAX } from "@ringside/shared";
import type { Logger } from "pino";
import { MachineConsole } from "../console/machine-console.ts";
import { MachineHub } from "../hub/machine-hub.ts";
import { IDLE_RETRY_MS } from "../limits.ts";
import { announcement } from "../policy/words.ts";
import type { Recorder } from "../record/recorder.ts";
import type { FoundMachine } from "./machine-folders.ts";

const MINUTE_MS = 60_000;
/** Nothing may sleep longer than a session may last. */
const SLEEP_MS_MAX = SESSION_MINUTES_MAX * MINUTE_MS;

export interface ServedMachineOptions {
  readonly found: FoundMachine;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Whether the console's start is in the trace already. */
  readonly startIs: "new" | "recorded";
  readonly presence: (debuggers: number) => void;
  /** `user` wants a fresh machine in place of this one. */
  readonly resetWanted: (user: string) => void;
  /** A client wants the machine that sleeps. */
  readonly wakeMachine: () => void;
  /** Something was typed, and the machine is recorded: it shall look. */
  readonly nudge: () => void;
  readonly ended: () => void;
}

/**
 * A machine as this cell serves it: its hub and its console. It may sleep, without a process, while clients
 * stay connected:
 *
 *   awake ──suspend──► drowsy (saved by the runner) ──asleep──► asleep ──rejoin──► awake
 *                        └── could not be saved ──rejoin──► awake
 */
export class ServedMachine {
  readonly hub: MachineHub;
  readonly console: MachineConsole;
  #found: FoundMachine;
  #state: "awake" | "drowsy" | "asleep" = "awake";
  /** How the runner was last asked to wake it. */
  #wakesAs: "stands" | "runs" = "stands";
  #busyAtMs = performance.now();
  #idleAgainMs = 0;

  constructor({ found, ...options }: ServedMachineOptions) {
    this.#found = found;
    const { session, arch, memoryMib, qemuVersion, consoleStart, recording, onDisconnect, hints } = found.file;
    const { recorder, log, startIs, wakeMachine, nudge } = options;
    const waits = found.file.start === "power_on" && startIs === "new";
    const hub = new MachineHub({
      ...{ recorder, log, wakeMachine, session, arch, memoryMib, qemuVersion, recording, onDisconnect, hints },
      stubPath: found.stubPath,
      presence: options.presence,
      resetWanted: options.resetWanted,
      announce: (text) => this.console.announce(text),
      type: (connection, text) => this.console.type(connection, text),
    });
    this.hub = hub;
    this.console = new MachineConsole({
      ...{ recorder, log, wakeMachine, nudge, recording, startIs },
      place: found.console,
      start: Buffer.from(consoleStart, "latin1"),
      guestMayRun: () => hub.guestMayRun,
      beforeOutput: waits ? announcement("waits at power-on") : null,
      ended: options.ended,
    });
  }

  get file(): FoundMachine["file"] {
    return this.#found.file;
  }

  get state(): "awake" | "drowsy" | "asleep" {
    return this.#state;
  }

  get hasClients(): boolean {
    return this.hub.isBusy || this.console.hasClients;
  }

  /** True where it is to hibernate by itself now. */
  isIdle(nowMs: number): boolean {
    const { idleMinutes, recording } = this.file;
    if (this.#state !== "awake" || recording || idleMinutes === 0 || this.hub.isPaused || this.hasClients) {
      this.#busyAtMs = nowMs;
      return false;
    }
    return nowMs - this.#busyAtMs >= idleMinutes * MINUTE_MS && nowMs >= this.#idleAgainMs;
  }

  /** It could not be put to sleep: not again at once. */
  idleLater(nowMs: number): void {
    this.#idleAgainMs = nowMs + IDLE_RETRY_MS;
  }

  /** True where nobody waits for the sleeping machine, or for longer than any session lasts. */
  mayBeForgotten(nowMs: number): boolean {
    return this.#state === "asleep" && (!this.hasClients || nowMs - this.#busyAtMs > SLEEP_MS_MAX);
  }

  /** Lets go of the machine, which stands still then or may be stopped by anybody; clients stay. */
  async suspend(): Promise<void> {
    if (this.#state !== "awake") throw new RingsideError("session_not_ready");
    this.#state = "drowsy";
    try {
      await this.hub.suspend();
    } catch (error) {
      this.#state = "awake";
      throw error;
    }
    this.console.suspend();
  }

  /** The runner has saved and ended it. */
  asleep(): void {
    this.#state = "asleep";
    this.#busyAtMs = performance.now();
  }

  /** It is about to be woken: whether the guest shall run before this process has connected. */
  wakesAs(): "as-before" | "no" {
    this.#wakesAs = this.hub.isFree ? "runs" : "stands";
    return this.#wakesAs === "runs" ? "as-before" : "no";
  }

  /** It was saved in vain, and is as it was. */
  stayAwake(): void {
    this.#awake("stands");
  }

  /** It has been woken. */
  rejoin(found: FoundMachine): void {
    this.#found = found;
    this.#awake(this.#wakesAs);
  }

  #awake(how: "stands" | "runs"): void {
    this.#state = "awake";
    this.#busyAtMs = performance.now();
    this.console.rejoin(this.#found.console);
    this.hub.rejoin(this.#found.stubPath, how);
  }

  /** It has gone: ends its connections. */
  gone(error: RingsideError): void {
    this.hub.gone(error);
    this.console.endClients(error);
    this.console.close();
  }

  /** It does not wake: its clients are told why and ended. */
  wakeFailed(error: RingsideError): void {
    this.hub.wakeFailed(error);
    this.console.endClients(error);
  }

  /** Ends connections and lets go of it as it is; all is recorded when this returns. */
  finish(error: RingsideError): void {
    this.hub.finish(error);
    this.console.finish(error);
  }

  endConnections(error: RingsideError): void {
    this.hub.endDebuggers(error);
    this.console.endClients(error);
  }
}
