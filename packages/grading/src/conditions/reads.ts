import type { Evidence } from "../evidence.ts";
import type { KernelFunction } from "../function-names.ts";
import { SEEN_MAX } from "../limits.ts";
import { met, type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { LookedAt, ReadMemory, ReadRegisters } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";
import { numberOf } from "./values.ts";

/** The student looked at a structure's member, where it stands in memory. */
export function lookedAt(condition: LookedAt, evidence: Evidence, earlier: Earlier): Outcome {
  const { structure, member, value, told, after } = condition;
  const what = member === null ? structure : `${structure}.${member}`;
  const looks = evidence
    .own("looked_at", momentOf(earlier, after))
    .filter((look) => look.structure === structure && (member === null || look.member === member));
  if (looks.length === 0) return unmet(REASONS.notLookedAt(what));
  const sure = told === "accept" ? looks : looks.filter((look) => !look.told);
  if (sure.length === 0) return unmet(REASONS.onlyTold, ...looks.map(({ event }) => event));
  const wanted = value === null ? null : numberOf(value, evidence.parameters);
  const found = sure.find((look) => wanted === null || look.value === BigInt.asUintN(64, wanted));
  if (found !== undefined) return met(REASONS.lookedAt(what), found.event);
  const seen = [...new Set(sure.map((look) => (look.value === null ? "?" : `0x${look.value.toString(16)}`)))];
  return unmet(REASONS.otherValue(what, String(wanted), seen.slice(0, SEEN_MAX)), ...sure.map(({ event }) => event));
}

/**
 * The student read a variable of the kernel, or the stack that the machine stood on. gdb reads the stack by itself
 * before it shows a stop, which does not count.
 */
export function readMemory(condition: ReadMemory, evidence: Evidence, earlier: Earlier): Outcome {
  const { symbol, in: place, told, after } = condition;
  const all = evidence
    .own("memory_read", momentOf(earlier, after))
    .filter((read) =>
      symbol === null ? read.onStack && read.asked : (read.symbol?.aliases.includes(symbol) ?? false),
    );
  if (all.length === 0) return unmet(REASONS.notReadMemory(symbol));
  const reads = place === null ? all : all.filter(({ event }) => isStanding(evidence, event, place));
  if (reads.length === 0) {
    return unmet(REASONS.notReadIn(symbol, place?.name ?? ""), ...all.map(({ event }) => event));
  }
  const found = reads.find((read) => told === "accept" || !read.told);
  if (found === undefined) return unmet(REASONS.onlyTold, ...reads.map(({ event }) => event));
  return met(REASONS.readMemory(symbol), found.event);
}

/** The machine's last stop before the event was in the function. */
function isStanding(evidence: Evidence, event: number, place: KernelFunction): boolean {
  const stop = evidence.stopBefore(event);
  return stop !== null && evidence.isOf(stop.names, place);
}

/** The student's gdb read registers, which it does by itself at most stops. */
export function readRegisters({ told, after }: ReadRegisters, evidence: Evidence, earlier: Earlier): Outcome {
  const reads = evidence.own("registers_read", momentOf(earlier, after));
  if (reads.length === 0) return unmet(REASONS.notReadRegisters);
  const found = reads.find((read) => told === "accept" || !read.told);
  if (found === undefined) return unmet(REASONS.onlyTold, ...reads.map(({ event }) => event));
  return met(REASONS.readRegisters, found.event);
}
