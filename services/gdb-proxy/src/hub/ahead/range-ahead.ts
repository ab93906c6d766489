import type { Conditions } from "../conditions.ts";
import type { Cut, Journey } from "../conversation.ts";
import { type Range, type RangeEnd, stepRange } from "../range.ts";
import { goAhead, type StepsAhead, type WentAhead } from "./step-ahead.ts";

/**
 * Steps through a range; from where that ends, gdb often goes on with the next range of its line: so some steps are
 * taken ahead.
 * @param ahead null for no steps ahead
 * @returns `went`: null where the range has not ended by a step
 */
export function* stepRangeAhead(
  range: Range,
  ahead: StepsAhead | null,
  conditions: Conditions,
  cut: Cut,
): Journey<{ readonly end: RangeEnd; readonly went: WentAhead | null }> {
  const end = yield* stepRange(range, conditions, cut);
  if (ahead === null || end.how !== "step") return { end, went: null };
  const isPlace = (address: bigint) => conditions.at(address).length > 0;
  return { end, went: yield* goAhead(ahead, { reply: end.reply, taken: end.steps }, isPlace, cut) };
}
