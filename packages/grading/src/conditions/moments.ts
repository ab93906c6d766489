import type { Outcome } from "../outcome.ts";

/** Outcomes of the checks that a condition may speak of. */
export type Earlier = ReadonlyMap<string, Outcome>;

/** The event with which a check was complete; before all events where none is given. */
export function momentOf(earlier: Earlier, check: string | null): number {
  if (check === null) return -1;
  return Math.max(-1, ...(earlier.get(check)?.events ?? []));
}
