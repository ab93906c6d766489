import type { Bilingual } from "@ringside/shared";

/** Whether a condition is met, why, and which events show it. */
export interface Outcome {
  readonly met: boolean;
  readonly reason: Bilingual;
  readonly events: readonly number[];
}

/** A condition that is met, as these events show. */
export function met(reason: Bilingual, ...events: readonly number[]): Outcome {
  return { met: true, reason, events };
}

/** A condition that is not met; `events` came near. */
export function unmet(reason: Bilingual, ...events: readonly number[]): Outcome {
  return { met: false, reason, events };
}
