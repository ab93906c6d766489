import { parseConditions } from "@ringside/rsp";
import { BREAKPOINT_LENGTH_MAX, BREAKPOINTS_MAX } from "../limits.ts";
import { answer, ask, type Rule, refuse } from "./decision.ts";

const REFUSED = "E22";

const isBreakpoint = ({ type }: { readonly type: string }): boolean => type === "software" || type === "hardware";

/**
 * Inserting twice is one breakpoint for gdb but two for QEMU, so the second is answered here; it may bring other
 * conditions. Conditions are weighed beside the stub, which would ignore them. Commands are not offered.
 */
export const insert: Rule<"Z"> = (packet, { ledger }) => {
  const conditions = parseConditions(packet.extra);
  if (conditions === null) return refuse("commands of breakpoints are not supported, nor such conditions", REFUSED);
  if (packet.length > BREAKPOINT_LENGTH_MAX) return refuse("the watched range is too long", REFUSED);
  if (!isBreakpoint(packet) && conditions.length > 0) return refuse("a watchpoint has no conditions here", REFUSED);
  if (!ledger.has(packet) && ledger.size >= BREAKPOINTS_MAX) {
    return refuse(`at most ${BREAKPOINTS_MAX} breakpoints`, REFUSED);
  }
  // What is watched for writes is read each time: gdb compares with what it is now.
  const isNew = !ledger.has(packet) && (packet.type === "write" || !ledger.stubHas(packet));
  if (!isBreakpoint(packet) && isNew) return ask(ledger.insertNow(packet));
  ledger.want(packet, conditions);
  return answer("OK");
};

/** The stub is told when the machine is about to run: gdb removes all at each stop, and inserts them again. */
export const remove: Rule<"z"> = (packet, { ledger }) => {
  if (!ledger.has(packet)) return answer(REFUSED);
  ledger.unwant(packet);
  return answer("OK");
};
