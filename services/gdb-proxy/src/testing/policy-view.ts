import type { Conversation } from "../hub/conversation.ts";
import { BreakpointLedger } from "../hub/ledger.ts";
import type { Asker, PolicyView } from "../policy/decision.ts";
import { decide } from "../policy/table.ts";
import { playTalk } from "./play-talk.ts";
import { TARGET_XML } from "./stub-model.ts";

/** Who asks. */
export const DRIVER: Asker = { role: "driver", drives: true, language: "en", detached: false };
export const OBSERVER: Asker = { role: "observer", drives: false, language: "en", detached: false };

/** The policy's view of a machine that stands. */
export function view(changes: Partial<PolicyView> = {}): PolicyView {
  return {
    arch: "x86_64",
    recording: false,
    qemuVersion: "QEMU emulator version 7.2.22",
    stopReply: "T05thread:01;",
    registers: null,
    stopRegisters: null,
    forgetRegisters: () => undefined,
    features: new Map([["target.xml", TARGET_XML]]),
    runs: false,
    choseThread: () => undefined,
    ledger: new BreakpointLedger().own(1),
    threads: { list: null, document: null },
    asker: DRIVER,
    present: () => ({ session: "ses_1", servedMs: 120_000, isPaused: false, debuggers: [] }),
    ...changes,
  };
}

/** Plays a conversation with a stub that answers by `stub`: what was asked, and the reply for gdb. */
export function talkWith(
  talk: Conversation<string>,
  stub: (payload: string) => string,
): { asked: string[]; reply: string } {
  const asked: string[] = [];
  const reply = playTalk(talk, (payload) => {
    asked.push(payload);
    return stub(payload);
  });
  return { asked, reply };
}

/** What reaches the stub for a packet, and what gdb is answered where the stub says OK to all. */
export function outcome(
  payload: string,
  changes: Partial<PolicyView> = {},
  stub: (payload: string) => string = () => "OK",
) {
  const decision = decide(payload, view(changes));
  if (decision.kind !== "ask") return decision;
  return { kind: "ask" as const, ...talkWith(decision.talk, stub) };
}

/** A stub that has memory of one kind. */
export const memory = (payload: string): string => "ab".repeat(Number.parseInt(payload.split(",")[1] ?? "0", 16));
