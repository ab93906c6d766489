import type { ResumeAction } from "@ringside/rsp";
import type { ConnectionRole } from "@ringside/shared";
import { recordedReply } from "@ringside/trace";
import { INTERRUPT_KEPT_MS } from "../limits.ts";
import type { Language } from "../policy/words.ts";
import type { AheadWish } from "./ahead/log.ts";
import type { Debugger } from "./debugger.ts";
import type { OwnBreakpoints } from "./ledger.ts";
import type { HubPorts } from "./ports.ts";
import type { Range } from "./range.ts";

/** How a debugger lets the machine run. */
export type Run =
  | {
      readonly action: ResumeAction;
      readonly payload: string;
      /** Of a step: more of the same are likely to be asked for. */
      readonly ahead?: AheadWish;
    }
  | ({ readonly action: "range"; readonly ahead?: AheadWish } & Range);

export const RUN_ON: Run = { payload: "vCont;c", action: "continue" };

export interface Attaching {
  readonly connection: number;
  readonly user: string;
  readonly role: ConnectionRole;
}

/**
 * One debugger that is attached, from the hub's side. What it is sent is recorded before.
 *
 *   arriving ──the machine stands──► speaks ──resume, or an observer's continue──► waits ──a stop──► speaks
 *   speaks ──D──► has let go ──vAttach──► waits
 */
export class AttachedDebugger {
  readonly connection: number;
  readonly user: string;
  readonly role: ConnectionRole;
  readonly breakpoints: OwnBreakpoints;
  readonly debugger: Debugger;
  language: Language = "en";
  /** Whose registers `g` means, by its own choice; null: the thread of the last stop that it was told. */
  thread: string | null = null;
  /** The number of the last stop that it was told. */
  stopSeen = 0;
  /** The stop that it waits for has come already, and the machine stands there. */
  isBehind = false;
  readonly #ports: HubPorts;
  #arriving = true;
  /**
   * The stop that it waits for: how the machine runs until then (null: as somebody else has it), and whether it
   * wants it now. Null: it is its turn to speak.
   */
  #awaits: { readonly run: Run | null; readonly now: boolean } | null = null;
  #hold: "holds" | "has let go" = "holds";
  /** What `D` is answered once the machine is as gdb leaves it. */
  #farewell: string | null = null;
  /** When a Ctrl-C came that found the machine stopped. */
  #interruptedAtMs: number | null = null;

  constructor({ connection, user, role }: Attaching, end: Debugger, breakpoints: OwnBreakpoints, ports: HubPorts) {
    this.connection = connection;
    this.user = user;
    this.role = role;
    this.debugger = end;
    this.breakpoints = breakpoints;
    this.#ports = ports;
  }

  /** True until it has been shown the stopped machine. */
  get isArriving(): boolean {
    return this.#arriving;
  }

  get detached(): boolean {
    return this.#hold === "has let go";
  }

  /** The run that it waits for to stop by itself; null where it wants the machine to stand, or has no say. */
  get run(): Run | null {
    return this.#awaits?.now === false ? this.#awaits.run : null;
  }

  get awaitsStop(): boolean {
    return this.#awaits !== null;
  }

  get wantsStopNow(): boolean {
    return this.#awaits?.now === true;
  }

  arrived(): void {
    this.#arriving = false;
  }

  /** @param registers as Debugger.reply() says; the stop's own record has them, so that of the reply has not */
  reply(payload: string, registers: string | null = null): void {
    this.#ports.record({ type: "gdb.reply", connection: this.connection, data: recordedReply(payload) });
    this.#ports.flush();
    this.debugger.reply(payload, registers);
  }

  /** Gives it the stop that it waits for, or what came instead; nothing where it waits for none. */
  answerWait(payload: string, registers: string | null = null): void {
    if (this.#awaits === null) return;
    this.#awaits = null;
    this.isBehind = false;
    this.reply(payload, registers);
  }

  /** It waits for a stop. A Ctrl-C that came shortly before means this run. @param run null: somebody else's */
  waitForStop(run: Run | null): void {
    const at = this.#interruptedAtMs;
    const kept = at !== null && this.#ports.nowMs() - at <= INTERRUPT_KEPT_MS;
    this.#interruptedAtMs = null;
    this.#awaits = { run, now: kept };
  }

  /** It waited over a link that broke off, and goes on waiting: there is nothing that it must be shown. */
  waitsAgain(run: Run | null): void {
    this.#arriving = false;
    this.#awaits = { run, now: false };
  }

  /** Its run has begun. After a stop of the cell's own it goes on, but not from its address again. */
  runs(run: Run): void {
    this.#awaits = {
      run: run.action === "range" ? run : { ...run, payload: run.payload.replace(/^([cs])[0-9a-f]+$/, "$1") },
      now: false,
    };
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

  /** gdb attaches again after it let go: it waits for the machine to stop. @param run null: it does not drive */
  holdAgain(run: Run | null): void {
    this.#hold = "holds";
    this.#awaits = { run, now: true };
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
