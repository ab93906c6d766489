import type { NewTraceEvent } from "@ringside/trace";
import type { Conversation } from "./conversation.ts";

/**
 * A conversation that writes registers or memory of a recorded machine: QEMU's log does not have such writes, so
 * each packet is recorded with the instruction at which a replay must send it again.
 */
export function* journalled(
  talk: Conversation<string>,
  icount: number | null,
  record: (event: NewTraceEvent) => void,
): Conversation<string> {
  // What cannot be recorded is not done.
  if (icount === null) return "E22";
  let step = talk.next("");
  while (!step.done) {
    const { value } = step;
    const data = value === null || typeof value === "string" ? value : value.ahead;
    if (data !== null) record({ type: "machine.written", icount, data });
    step = talk.next(yield value);
  }
  return step.value;
}
