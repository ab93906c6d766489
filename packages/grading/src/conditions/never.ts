import type { Evidence } from "../evidence.ts";
import { type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { Never } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";

/** What must not have been done, by anyone: in the whole trace, or before a check was met. */
export function never(condition: Never, evidence: Evidence, earlier: Earlier): Outcome {
  const { registers, memory, jumps, stoppedAt, before } = condition;
  const until = before === null ? Number.POSITIVE_INFINITY : momentOf(earlier, before);
  const writes = evidence.writes(until);
  const found = writes.filter(({ kind }) => (kind === "registers_written" ? registers : memory));
  const [first] = found;
  if (first !== undefined) {
    const what = (["registers", "memory"] as const).filter((each) => found.some((f) => f.kind === `${each}_written`));
    return unmet(REASONS.wrote(what, first.event), ...found.map(({ event }) => event));
  }
  const jump = jumps ? writes.find((write) => write.kind === "registers_written" && write.jumped) : undefined;
  if (jump !== undefined) return unmet(REASONS.jumped(jump.event), jump.event);
  const stop =
    stoppedAt === null
      ? undefined
      : evidence.of("stopped").find(({ event, names }) => event < until && evidence.isOf(names, stoppedAt));
  if (stop !== undefined) return unmet(REASONS.didStop(stoppedAt?.name ?? "", stop.event), stop.event);
  const looksAtWrites = registers || memory || jumps;
  const reason = stoppedAt !== null && !looksAtWrites ? REASONS.neverStopped(stoppedAt.name) : REASONS.wroteNothing;
  return { met: true, reason, events: [] };
}
