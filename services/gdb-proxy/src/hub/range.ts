import { littleEndianOfHex, parseStopReply, REGISTER_LAYOUTS } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import { RANGE_STEPS_MAX, RANGE_STEPS_PER_TURN_MAX } from "../limits.ts";
import { type Conditions, isInterrupt, isMiss, PROGRAM_COUNTER, plainStop } from "./conditions.ts";
import { asking, type Cut, type Journey } from "./conversation.ts";

/** gdb's `vCont;r`: step, and go on while the program counter is in [start, end). */
export interface Range {
  readonly start: bigint;
  readonly end: bigint;
  /** The packet of one step. */
  readonly payload: string;
}

/** How a range ended. */
export interface RangeEnd {
  /** "step": by a step of its own; "breakpoint": at one, or by another stop; "cut": as was wanted from outside. */
  readonly how: "step" | "breakpoint" | "cut" | "refused";
  /** The stop reply of the last step, or the stub's error. */
  readonly reply: string;
  readonly steps: number;
  /** Conditions that did not hold. */
  readonly misses: number;
}

/**
 * Steps through a range, beside the stub, as the gdb manual says of `vCont;r`: at least one step, then on as long as
 * the machine stops within the range and for no other reason. QEMU's single step passes over breakpoints, so they
 * are looked for here.
 */
export function* stepRange(range: Range, { arch, at }: Conditions, cut: Cut): Journey<RangeEnd> {
  const question = programCounterQuestion(arch);
  let misses = 0;
  let thread: string | null | undefined;
  for (let steps = 1; ; steps += 1) {
    const reply = yield { kind: "step", payload: range.payload };
    const end = (how: RangeEnd["how"]): RangeEnd => ({ how, reply, steps, misses });
    if (parseStopReply(reply) === null) return { ...end("refused"), steps: steps - 1 };
    if (cut.wanted && isInterrupt(reply)) return end("cut");
    const stop = plainStop(reply);
    if (stop === null) return end("breakpoint");
    thread ??= stop.thread;
    // Another processor has stopped.
    if (thread !== stop.thread) return end("breakpoint");
    const pc = littleEndianOfHex(yield { kind: "ask", payload: question });
    if (pc === null) return end("step");
    const there = at(pc);
    if (there.length > 0) {
      const registers = yield { kind: "ask", payload: "g" };
      if (!(yield* asking(isMiss(there, arch, registers)))) return end("breakpoint");
      misses += 1;
    }
    if (pc < range.start || pc >= range.end || steps >= RANGE_STEPS_MAX) return end("step");
    if (steps % RANGE_STEPS_PER_TURN_MAX === 0) yield { kind: "rest" };
    if (cut.wanted) return end("cut");
  }
}

function programCounterQuestion(arch: Arch): string {
  const number = REGISTER_LAYOUTS[arch].findIndex(({ name }) => name === PROGRAM_COUNTER[arch]);
  return `p${number.toString(16)}`;
}
