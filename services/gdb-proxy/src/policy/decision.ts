import type { PacketKind, PacketOf, ResumeAction } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { Conversation } from "../hub/conversation.ts";
import type { BreakpointLedger } from "../hub/ledger.ts";

/** What becomes of a packet of gdb's. */
export type Decision =
  /** Answered here. */
  | { readonly kind: "answer"; readonly reply: string }
  /** Not let through; `why` is recorded. */
  | { readonly kind: "refuse"; readonly reply: string; readonly why: string }
  /** Asked of the stub, in packets that the policy chooses. */
  | { readonly kind: "ask"; readonly talk: Conversation<string>; readonly writes: boolean }
  /** The machine runs; the answer is its next stop. */
  | { readonly kind: "resume"; readonly payload: string; readonly action: ResumeAction }
  /** gdb lets go: its breakpoints are removed and the machine runs on. Null: no answer is due. */
  | { readonly kind: "leave"; readonly reply: string | null }
  /** gdb takes hold again after it let go: the answer is a stop. */
  | { readonly kind: "attach" };

/** What the policy may know of the machine and of this stop. */
export interface PolicyView {
  readonly arch: Arch;
  readonly qemuVersion: string;
  /** QEMU records the machine for a replay. */
  readonly recording: boolean;
  readonly stopReply: string;
  /** The `g` reply of this stop, while it is still true. */
  readonly registers: string | null;
  /** To be called before anything that may change registers or which thread `g` means. */
  forgetRegisters(): void;
  readonly features: ReadonlyMap<string, string>;
  readonly ledger: BreakpointLedger;
  /** The machine's threads are its CPUs, which do not change: asked once. */
  readonly threads: { list: string | null };
  /** gdb has let go of the machine, but has not hung up. */
  readonly detached: boolean;
}

export type Rule<K extends PacketKind> = (packet: PacketOf<K>, view: PolicyView) => Decision;

/** Empty: "not supported", after which gdb does without. */
export const UNSUPPORTED = "";

export const answer = (reply: string): Decision => ({ kind: "answer", reply });
export const refuse = (why: string, reply = UNSUPPORTED): Decision => ({ kind: "refuse", reply, why });
export const ask = (talk: Conversation<string>): Decision => ({ kind: "ask", talk, writes: false });
/** As ask(), for what changes registers or memory. */
export const askToWrite = (talk: Conversation<string>): Decision => ({ kind: "ask", talk, writes: true });

/** Asks the stub one packet and gives gdb its answer. */
export function* forwarded(payload: string): Conversation<string> {
  return yield payload;
}
