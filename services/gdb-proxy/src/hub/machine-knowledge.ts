import { registersOf } from "@ringside/rsp";
import type { Arch, Hint, OnDisconnect } from "@ringside/shared";
import type { NewTraceEvent } from "@ringside/trace";
import type { Asker, KnownThreads, PolicyView, Present } from "../policy/decision.ts";
import { type AttachedDebugger, interruptedReply } from "./attached-debugger.ts";
import { PROGRAM_COUNTER } from "./conditions.ts";
import type { Conversation } from "./conversation.ts";
import { isAtResetVector } from "./early-boot.ts";
import { type Greeting, greet } from "./greeting.ts";
import { BreakpointLedger } from "./ledger.ts";
import { describeStop } from "./stop.ts";

export interface HubMachine {
  readonly session: string;
  readonly arch: Arch;
  /** Of the guest's memory; null where it is not known. */
  readonly memoryMib: number | null;
  readonly qemuVersion: string;
  /** QEMU records it for a replay. */
  readonly recording: boolean;
  readonly onDisconnect: OnDisconnect;
  /** What `monitor hint` says, one after the other. */
  readonly hints: readonly Hint[];
}

/** How a stop came about, for its record. */
export interface StopCause {
  /** A single step or a range of them: frames are left out then. */
  readonly stepped: boolean;
  /** After a range. */
  readonly steps?: number;
}

/** What is known of the machine behind the stub: its description, its breakpoints, and how it stands. */
export class MachineKnowledge {
  readonly machine: HubMachine;
  readonly ledger = new BreakpointLedger();
  readonly #threads: KnownThreads = { list: null, document: null };
  #features: ReadonlyMap<string, string> = new Map();
  /** Of the last stop; empty where it is not known how the machine stands. */
  #stopReply = "";
  /** The stops that the driver was told, or would have been, counted. */
  #stops = 0;
  #registers: string | null = null;
  #icount: number | null = null;
  /** Whose registers the stub's `g` means; null: the thread of the stop. */
  #thread: string | null = null;
  /** Conditions that did not hold since the last stop. */
  misses = 0;

  constructor(machine: HubMachine) {
    this.machine = machine;
  }

  get features(): ReadonlyMap<string, string> {
    return this.#features;
  }

  get stopReply(): string {
    return this.#stopReply;
  }

  get hasStop(): boolean {
    return this.#stopReply !== "";
  }

  get stops(): number {
    return this.#stops;
  }

  get registers(): string | null {
    return this.#registers;
  }

  /** Those of the last stop's thread, while they are known and true. */
  get stopRegisters(): string | null {
    return this.#thread === null ? this.#registers : null;
  }

  /** Guest instructions up to this stop, in a recorded machine. */
  get icount(): number | null {
    return this.#icount;
  }

  /** True where it would stop again at once: gdb steps over its breakpoints by itself, but nobody else does. */
  get standsAtBreakpoint(): boolean {
    const { arch } = this.machine;
    const pc = this.#registers === null ? undefined : registersOf(arch, this.#registers).get(PROGRAM_COUNTER[arch]);
    return pc !== undefined && this.ledger.at(pc).length > 0;
  }

  /** True where it has not executed anything since power-on. */
  get isAtPowerOn(): boolean {
    const { arch } = this.machine;
    return this.#registers !== null && isAtResetVector(arch, registersOf(arch, this.#registers));
  }

  view(one: AttachedDebugger, asker: Asker, runs: boolean, present: () => Present): PolicyView {
    const { arch, qemuVersion, recording } = this.machine;
    return {
      ...{ arch, qemuVersion, recording, runs, asker, present },
      stopReply: this.#stopReply,
      registers: !runs && one.thread === this.#thread ? this.#registers : null,
      stopRegisters: runs ? null : this.stopRegisters,
      forgetRegisters: () => this.forgetRegisters(),
      choseThread: (thread) => {
        one.thread = thread;
        if (thread !== null) this.#thread = thread;
      },
      features: this.#features,
      ledger: one.breakpoints,
      threads: this.#threads,
    };
  }

  /** Steps of it were taken back. @param registers the `g` reply; empty where it is not known */
  standsAt(stopReply: string, registers: string): void {
    this.#stopReply = stopReply;
    this.#thread = null;
    this.#registers = registers === "" ? null : registers;
  }

  /** Something may have changed them, or which thread they are of. */
  forgetRegisters(): void {
    this.#registers = null;
  }

  /** A talk on behalf of a debugger that has chosen another thread than the one before. */
  *inThreadOf<T>(one: AttachedDebugger, talk: Conversation<T>): Conversation<T> {
    if (one.thread !== this.#thread) {
      this.forgetRegisters();
      const thread = one.thread ?? /thread:([^;]*)/.exec(this.#stopReply)?.[1] ?? "0";
      yield `Hg${thread}`;
      this.#thread = one.thread;
    }
    return yield* talk;
  }

  /** Reads the registers anew where they may have changed. */
  *readRegisters(): Conversation<void> {
    if (this.#registers !== null) return;
    const reply = yield "g";
    this.#registers = isRegisters(reply) ? reply : null;
  }

  /** gdb's Ctrl-C found the machine stopped already. */
  interrupted(): void {
    this.#stopReply = interruptedReply(this.#stopReply);
    this.told();
  }

  /** The stop is one that debuggers are told. */
  told(): void {
    this.#stops += 1;
  }

  /** The machine runs. */
  ran(): void {
    this.#registers = null;
    this.#icount = null;
    this.#thread = null;
    const { document } = this.#threads;
    if (document !== null) this.#threads.document = { ...document, isNow: false };
  }

  forgetStop(): void {
    this.ran();
    this.#stopReply = "";
    this.#threads.list = null;
    this.#threads.document = null;
  }

  /** First words; the stop reply that they brought. */
  *greet(): Conversation<string> {
    return this.#greeted(yield* greet());
  }

  /** Words with the stub of a machine that has just been woken: it knows of no breakpoint. */
  *greetAgain(): Conversation<string> {
    const stopReply = this.#greeted(yield* greet());
    // What it refuses is said to gdb when it resumes.
    yield* this.ledger.bringInStep(null);
    return stopReply;
  }

  /** Reads what a stop is recorded with. */
  *describe(reply: string, { stepped, steps }: StopCause): Conversation<NewTraceEvent> {
    this.#stopReply = reply;
    this.#thread = null;
    const { arch, recording } = this.machine;
    const { registers, frames, user, icount } = yield* describeStop({ arch, recording, stepped });
    this.#registers = registers === "" ? null : registers;
    this.#icount = icount;
    const { misses } = this;
    this.misses = 0;
    return {
      ...{ type: "machine.stopped", reply, registers, frames: [...frames] },
      ...(user === null ? {} : { user }),
      ...(icount === null ? {} : { icount }),
      ...(steps === undefined || steps === 0 ? {} : { steps }),
      ...(misses === 0 ? {} : { misses }),
    };
  }

  #greeted({ stopReply, features }: Greeting): string {
    this.#features = features;
    this.#thread = null;
    return stopReply;
  }
}

const isRegisters = (reply: string): boolean => /^(?:[0-9a-fx]{2})+$/.test(reply);
