import type { ResumeAction } from "@ringside/rsp";
import type { HubPorts } from "./ports.ts";

/** How gdb lets the machine run. */
export interface Run {
  readonly action: ResumeAction;
  readonly payload: string;
}

export const RUN_ON: Run = { payload: "vCont;c", action: "continue" };

/** The one gdb that is attached, from its side. What it is sent is recorded before. */
export class AttachedGdb {
  readonly connection: number;
  readonly #ports: HubPorts;
  /**
   * The stop that gdb waits for: how the machine runs until then, and whether gdb wants it now.
   * Null: it is gdb's turn to speak.
   */
  #awaits: { readonly run: Run; readonly now: boolean } | null = null;
  #hold: "holds" | "has let go" = "holds";
  /** What `D` is answered once the machine is as gdb leaves it. */
  #farewell: string | null = null;
  /** When a Ctrl-C came that found the machine stopped. */
  #interruptedAtMs: number | null = null;

  constructor(connection: number, ports: HubPorts) {
    this.connection = connection;
    this.#ports = ports;
  }

  get detached(): boolean {
    return this.#hold === "has let go";
  }

  /** The run that gdb waits for to stop by itself; null where gdb wants the machine to stand. */
  get run(): Run | null {
    return this.#awaits?.now === false ? this.#awaits.run : null;
  }

  get awaitsStop(): boolean {
    return this.#awaits !== null;
  }

  get wantsStopNow(): boolean {
    return this.#awaits?.now === true;
  }

  reply(payload: string): void {
    this.#ports.record({ type: "gdb.reply", connection: this.connection, data: payload });
    this.#ports.toGdb(payload);
  }

  /** Gives gdb the stop that it waits for, or what came instead; nothing where it waits for none. */
  answerWait(payload: string): void {
    if (this.#awaits === null) return;
    this.#awaits = null;
    this.reply(payload);
  }

  /** gdb waits for a stop. @param keptMs a Ctrl-C that came before, but no longer ago, means this run */
  waitForStop(run: Run, keptMs: number): void {
    const kept = this.#interruptedAtMs !== null && this.#ports.nowMs() - this.#interruptedAtMs <= keptMs;
    this.#interruptedAtMs = null;
    this.#awaits = { run, now: kept };
  }

  /** The run has begun. After a stop of the cell's own it goes on, but not from its address again. */
  runs({ action, payload }: Run): void {
    this.#awaits = { run: { action, payload: payload.replace(/^([cs])[0-9a-f]+$/, "$1") }, now: false };
  }

  /** gdb's Ctrl-C. @param keep one that finds the machine stopped is kept: gdb may be between two single steps */
  interrupt(keep: boolean): void {
    this.#ports.record({ type: "gdb.interrupt", connection: this.connection });
    if (this.#awaits !== null) this.#awaits = { ...this.#awaits, now: true };
    else if (keep) this.#interruptedAtMs = this.#ports.nowMs();
  }

  /** @param farewell what gdb is answered once the machine is as gdb leaves it; null for nothing */
  letGo(farewell: string | null): void {
    if (this.detached && farewell !== null) this.reply(farewell);
    else if (!this.detached) this.#farewell = farewell;
    this.#hold = "has let go";
  }

  /** gdb attaches again after it let go: it waits for the machine to stop. */
  holdAgain(): void {
    this.#hold = "holds";
    this.#awaits = { run: RUN_ON, now: true };
  }

  sayFarewell(): void {
    if (this.#farewell === null) return;
    const farewell = this.#farewell;
    this.#farewell = null;
    this.reply(farewell);
  }
}

/** The stop reply of an interrupt, where the machine stands still already. */
export function interruptedReply(lastStop: string): string {
  const thread = /thread:[^;]*;/.exec(lastStop)?.[0] ?? "";
  return `T02${thread}`;
}
