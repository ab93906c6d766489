import type { TraceEvent } from "../events.ts";
import type { Fact, StoppedFact } from "../fact.ts";
import { EXPORT_MS_MAX } from "../limits.ts";

/** A trace that was verified, as exporters take it. */
export interface ExportInput {
  /** From the first on, which is its opening. */
  readonly events: readonly TraceEvent[];
  /** As `deriveFacts` gives them; without the image's symbols, places are addresses. */
  readonly facts: readonly Fact[];
  /** sha256 over the trace's bytes. */
  readonly digest: string;
}

/** An event's time in whole microseconds, at most EXPORT_MS_MAX. */
export function microseconds(t: number): number {
  return Math.round(Math.min(t, EXPORT_MS_MAX) * 1_000);
}

/** The stops by the number of their event. */
export function stopsByEvent(facts: readonly Fact[]): ReadonlyMap<number, StoppedFact> {
  return new Map(facts.flatMap((fact) => (fact.kind === "stopped" ? [[fact.event, fact]] : [])));
}

/**
 * Where a stop was, in gdb's words: `__sys_listen` where a breakpoint on it lands, `__sys_listen+0x1c` behind that,
 * `0x401000` outside the code that is known; null where the registers could not be read.
 */
export function placeOfStop({ pc, symbol, program, position }: StoppedFact): string | null {
  if (pc === null) return null;
  const found = symbol ?? program?.symbol ?? null;
  if (found === null) return `0x${pc.toString(16)}`;
  const isBegin = position === "entry" || position === "breakpoint" || found.offset === 0;
  return isBegin ? found.name : `${found.name}+0x${found.offset.toString(16)}`;
}
