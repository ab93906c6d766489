import type { Evidence } from "../evidence.ts";
import { met, type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { Stepped } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";

/** The student stepped so often; met with the step that makes it enough. */
export function stepped({ how, in: place, atLeast, after }: Stepped, evidence: Evidence, earlier: Earlier): Outcome {
  const steps = evidence
    .own("stepped", momentOf(earlier, after))
    .filter((step) => step.how === how && (place === null || evidence.isOf(step.from, place)));
  let count = 0;
  for (const step of steps) {
    count += step.count;
    if (count >= atLeast) return met(REASONS.stepped(how, count, place?.name ?? null), step.event);
  }
  return unmet(REASONS.notStepped(how, place?.name ?? null, atLeast, count), ...steps.map(({ event }) => event));
}

/** The machine was set running behind the check's moment. */
export function resumedAfter(check: string, evidence: Evidence, earlier: Earlier): Outcome {
  const after = momentOf(earlier, check);
  const found = [...evidence.of("resumed"), ...evidence.of("detached")]
    .filter(({ event, who }) => event > after && evidence.mayCount(who))
    .sort((a, b) => a.event - b.event)[0];
  return found ? met(REASONS.wentOn, found.event) : unmet(REASONS.didNotGoOn);
}
