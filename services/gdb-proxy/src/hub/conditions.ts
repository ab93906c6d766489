import { evaluate, littleEndianOfHex, parseStopReply, REGISTER_LAYOUTS, registersOf } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import { CONDITION_MISSES_PER_TURN_MAX } from "../limits.ts";
import { asking, type Conversation, type Cut, type Journey } from "./conversation.ts";
import type { Wanted } from "./ledger.ts";

/**
 * Conditions of breakpoints, weighed beside the stub: a stop that no debugger wants is not told to any. What cannot
 * be evaluated stops the machine, and gdb decides, as with gdbserver.
 */
export const PROGRAM_COUNTER: Readonly<Record<Arch, string>> = { x86_64: "rip", i386: "eip" };

/** Wider registers are no numbers. */
const NUMBER_BYTES_MAX = 8;

export interface Conditions {
  readonly arch: Arch;
  /** What stands at an address. */
  readonly at: (address: bigint) => readonly Wanted[];
}

/**
 * True where a stop at breakpoints is for nobody: all of them have conditions and none holds.
 * @param registers the `g` reply
 */
export function* isMiss(there: readonly Wanted[], arch: Arch, registers: string): Conversation<boolean> {
  if (there.length === 0 || there.some(({ conditions }) => conditions.length === 0)) return false;
  for (const { conditions } of there) {
    for (const code of conditions) {
      const value = yield* evaluated(code, arch, registers);
      if (value === null || value !== 0n) return false;
    }
  }
  return true;
}

function* evaluated(code: Uint8Array, arch: Arch, registers: string): Conversation<bigint | null> {
  const evaluation = evaluate(code);
  let next = evaluation.next(null);
  while (!next.done) {
    const asked = next.value;
    if ("register" in asked) {
      next = evaluation.next(registerOf(asked.register, arch, registers));
    } else {
      const { address, bytes } = asked.memory;
      const reply = yield `m${address.toString(16)},${bytes.toString(16)}`;
      next = evaluation.next(reply.length === 2 * bytes ? littleEndianOfHex(reply) : null);
    }
  }
  return next.value;
}

function registerOf(number: number, arch: Arch, registers: string): bigint | null {
  const place = REGISTER_LAYOUTS[arch][number];
  if (place === undefined || place.bytes > NUMBER_BYTES_MAX) return null;
  return littleEndianOfHex(registers.slice(2 * place.offset, 2 * (place.offset + place.bytes)));
}

/** What came of a stop where conditions may stand. */
export type Weighed =
  /** The stop is for a debugger; it may be another than the one that was weighed. */
  | { readonly kind: "stands"; readonly reply: string; readonly missed: boolean }
  /** No condition held: the machine stands behind the breakpoint and is to go on. */
  | { readonly kind: "passed" }
  /** As passed, but somebody wants the machine to stand, and it does. */
  | { readonly kind: "cut" };

/** Weighs a stop by itself, and steps over the breakpoint where it is for nobody. */
export function* weigh(
  reply: string,
  { arch, at }: Conditions,
  { misses, cut }: { readonly misses: number; readonly cut: Cut },
): Journey<Weighed> {
  const registers = yield { kind: "ask", payload: "g" };
  const pc = registersOf(arch, registers).get(PROGRAM_COUNTER[arch]);
  const missed = pc !== undefined && (yield* asking(isMiss(at(pc), arch, registers)));
  if (!missed) return { kind: "stands", reply, missed: false };
  if (cut.wanted) return { kind: "cut" };
  if ((misses + 1) % CONDITION_MISSES_PER_TURN_MAX === 0) yield { kind: "rest" };
  return yield* stepOver(reply, cut);
}

/** Weighs the stop of a watchpoint for writes: one that changed nothing is for nobody. The machine stands behind it. */
export function* weighWrite(
  reply: string,
  areSame: Conversation<boolean>,
  { misses, cut }: { readonly misses: number; readonly cut: Cut },
): Journey<Weighed> {
  if (!(yield* asking(areSame))) return { kind: "stands", reply, missed: false };
  if ((misses + 1) % CONDITION_MISSES_PER_TURN_MAX === 0) yield { kind: "rest" };
  return cut.wanted ? { kind: "cut" } : { kind: "passed" };
}

/** Where a watchpoint was written to; null for any other stop. */
export function writtenAt(reply: string): bigint | null {
  const stop = parseStopReply(reply);
  return stop?.kind === "signal" && stop.watch?.access === "write" ? stop.watch.address : null;
}

/** Steps over the breakpoint that the machine stands at: QEMU would stop at it again at once. */
export function* stepOver(reply: string, cut: Cut): Journey<Weighed> {
  if (cut.wanted) return { kind: "cut" };
  const { thread } = plainStop(reply) ?? { thread: null };
  const stepped = yield { kind: "step", payload: thread === null ? "vCont;s" : `vCont;s:${thread}` };
  // Its own stop may be another: a watchpoint, an interrupt.
  if (cut.wanted && isInterrupt(stepped)) return { kind: "cut" };
  if (plainStop(stepped) === null) return { kind: "stands", reply: stopOr(stepped, reply), missed: true };
  return cut.wanted ? { kind: "cut" } : { kind: "passed" };
}

const SIGTRAP = 5;

/** The stop of a breakpoint or a step, which QEMU does not tell apart; null for any other. */
export function plainStop(reply: string): { readonly thread: string | null } | null {
  const stop = parseStopReply(reply);
  return stop?.kind === "signal" && stop.signal === SIGTRAP && stop.watch === null ? { thread: stop.thread } : null;
}

export const isInterrupt = (reply: string): boolean => reply.startsWith("T02");

/** An error to a step is no stop: the machine is where it was. */
const stopOr = (reply: string, before: string): string => (parseStopReply(reply) === null ? before : reply);
