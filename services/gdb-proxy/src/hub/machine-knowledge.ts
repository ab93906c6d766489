import type { Arch } from "@ringside/shared";
import type { NewTraceEvent } from "@ringside/trace";
import type { PolicyView } from "../policy/decision.ts";
import { interruptedReply } from "./attached-gdb.ts";
import type { Conversation } from "./conversation.ts";
import { type Greeting, greet } from "./greeting.ts";
import { BreakpointLedger } from "./ledger.ts";
import { describeStop } from "./stop.ts";

export interface HubMachine {
  readonly arch: Arch;
  readonly qemuVersion: string;
  /** QEMU records it for a replay. */
  readonly recording: boolean;
}

/** What is known of the machine behind the stub: its description, its breakpoints, and how it stands. */
export class MachineKnowledge {
  readonly machine: HubMachine;
  readonly ledger = new BreakpointLedger();
  readonly #threads: { list: string | null } = { list: null };
  #features: ReadonlyMap<string, string> = new Map();
  /** Of the last stop; empty where it is not known how the machine stands. */
  #stopReply = "";
  #registers: string | null = null;
  #icount: number | null = null;

  constructor(machine: HubMachine) {
    this.machine = machine;
  }

  get stopReply(): string {
    return this.#stopReply;
  }

  get hasStop(): boolean {
    return this.#stopReply !== "";
  }

  /** Guest instructions up to this stop, in a recorded machine. */
  get icount(): number | null {
    return this.#icount;
  }

  view(detached: boolean): PolicyView {
    return {
      ...this.machine,
      stopReply: this.#stopReply,
      registers: this.#registers,
      forgetRegisters: () => {
        this.#registers = null;
      },
      features: this.#features,
      ledger: this.ledger,
      threads: this.#threads,
      detached,
    };
  }

  /** gdb's Ctrl-C found the machine stopped already. */
  interrupted(): void {
    this.#stopReply = interruptedReply(this.#stopReply);
  }

  /** The machine runs. */
  ran(): void {
    this.#registers = null;
    this.#icount = null;
  }

  forgetStop(): void {
    this.ran();
    this.#stopReply = "";
    this.#threads.list = null;
  }

  /** First words; the stop reply that they brought. */
  *greet(): Conversation<string> {
    return this.#greeted(yield* greet());
  }

  /** Words with the stub of a machine that has just been woken: it knows of no breakpoint. */
  *greetAgain(): Conversation<string> {
    const stopReply = this.#greeted(yield* greet());
    // What it refuses is said to gdb when it resumes.
    yield* this.ledger.bringInStep();
    return stopReply;
  }

  /** Reads what a stop is recorded with. */
  *describe(reply: string, stepped: boolean): Conversation<NewTraceEvent> {
    this.#stopReply = reply;
    const { arch, recording } = this.machine;
    const { registers, frames, icount } = yield* describeStop({ arch, recording, stepped });
    this.#registers = registers === "" ? null : registers;
    this.#icount = icount;
    const counted = icount === null ? {} : { icount };
    return { type: "machine.stopped", reply, registers, frames: [...frames], ...counted };
  }

  #greeted({ stopReply, features }: Greeting): string {
    this.#features = features;
    return stopReply;
  }
}
