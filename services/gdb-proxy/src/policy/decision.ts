import type { PacketKind, PacketOf, ResumeAction } from "@ringside/rsp";
import type { Arch, ConnectionRole } from "@ringside/shared";
import type { Conversation } from "../hub/conversation.ts";
import type { OwnBreakpoints } from "../hub/ledger.ts";
import type { Language } from "./words.ts";

/** What becomes of a packet of gdb's. */
export type Decision =
  /** Answered here. */
  | {
      readonly kind: "answer";
      readonly reply: string;
      /** As Debugger.reply() says. */
      readonly registers?: string;
    }
  /** Not let through; `why` is recorded. */
  | { readonly kind: "refuse"; readonly reply: string; readonly why: string }
  /** Asked of the stub, in packets that the policy chooses. */
  | { readonly kind: "ask"; readonly talk: Conversation<string>; readonly writes: boolean }
  /** The machine runs; the answer is its next stop. */
  | { readonly kind: "resume"; readonly action: ResumeAction; readonly payload: string }
  /** As resume: step by step while the program counter is in [start, end). `payload` is one step's. */
  | {
      readonly kind: "resume";
      readonly action: "range";
      readonly payload: string;
      readonly start: bigint;
      readonly end: bigint;
    }
  /** An observer's: the answer is the next stop that the driver brings about. */
  | { readonly kind: "wait" }
  /** gdb lets go: its breakpoints are removed and the machine runs on. Null: no answer is due. */
  | { readonly kind: "leave"; readonly reply: string | null; readonly kills: boolean }
  /** gdb takes hold again after it let go: the answer is a stop. */
  | { readonly kind: "attach" }
  /** A monitor command that does something; the answer says what was done. */
  | { readonly kind: "order"; readonly order: Order };

/** What `monitor` may do. */
export type Order =
  | { readonly do: "take" | "give" | "reset" | "restart-program" | "hint" }
  | { readonly do: "type"; readonly text: string }
  | { readonly do: "answer"; readonly question: string; readonly value: string }
  | { readonly do: "lang"; readonly language: Language };

/** Who asks. */
export interface Asker {
  readonly role: ConnectionRole;
  /** It has the driver's seat: only then may it run, write and insert. */
  readonly drives: boolean;
  readonly language: Language;
  /** It has let go of the machine, but has not hung up. */
  readonly detached: boolean;
}

/** What `monitor` tells of the machine. */
export interface Present {
  readonly session: string;
  readonly servedMs: number;
  readonly isPaused: boolean;
  readonly debuggers: readonly {
    readonly user: string;
    readonly role: ConnectionRole;
    readonly drives: boolean;
    readonly isAsker: boolean;
  }[];
}

/** What the policy may know of the machine and of this stop. */
export interface PolicyView {
  readonly arch: Arch;
  readonly qemuVersion: string;
  /** QEMU records the machine for a replay. */
  readonly recording: boolean;
  readonly stopReply: string;
  /** The machine runs, for somebody else: nothing can be asked of the stub. */
  readonly runs: boolean;
  /** The `g` reply of this stop, while it is still true, of the thread that the asker has chosen. */
  readonly registers: string | null;
  /** The same of the thread of `stopReply`. */
  readonly stopRegisters: string | null;
  /** To be called before anything that may change registers. */
  forgetRegisters(): void;
  /** The asker's `g` means this thread from now on, by the stub's word; null: that of the last stop. */
  choseThread(thread: string | null): void;
  readonly features: ReadonlyMap<string, string>;
  /** The asker's own. */
  readonly ledger: OwnBreakpoints;
  /** The machine's threads are its CPUs, which do not change: asked once. */
  readonly threads: KnownThreads;
  readonly asker: Asker;
  present(): Present;
}

/** What is known of the machine's threads, each filled in when it is first asked for. */
export interface KnownThreads {
  /** As the answer to `qfThreadInfo` that names them all. */
  list: string | null;
  /** As a document of `qXfer:threads:read`; and whether it is of this stop: what it says of each may change. */
  document: { readonly text: string; readonly isNow: boolean } | null;
}

export type Rule<K extends PacketKind> = (packet: PacketOf<K>, view: PolicyView) => Decision;

/** Empty: "not supported", after which gdb does without. */
export const UNSUPPORTED = "";
/** gdb prints what stands behind `E.`. */
export const OBSERVES = "E.you observe: only who drives may do this";
export const RUNS = "E.the machine runs: continue waits for its next stop";

export const answer = (reply: string): Decision => ({ kind: "answer", reply });
/** A stop, with its registers. */
export const tell = ({ stopReply, stopRegisters }: PolicyView): Decision => ({
  ...{ kind: "answer", reply: stopReply },
  ...(stopRegisters === null ? {} : { registers: stopRegisters }),
});
export const refuse = (why: string, reply = UNSUPPORTED): Decision => ({ kind: "refuse", reply, why });
export const ask = (talk: Conversation<string>): Decision => ({ kind: "ask", talk, writes: false });
/** As ask(), for what changes registers or memory. */
export const askToWrite = (talk: Conversation<string>): Decision => ({ kind: "ask", talk, writes: true });

/** Asks the stub one packet and gives gdb its answer. */
export function* forwarded(payload: string): Conversation<string> {
  return yield payload;
}
