import { BREAKPOINT_LENGTH_MAX, BREAKPOINTS_MAX } from "../limits.ts";
import { answer, ask, type Rule, refuse } from "./decision.ts";

const REFUSED = "E22";

const isBreakpoint = ({ type }: { readonly type: string }): boolean => type === "software" || type === "hardware";

/**
 * Inserting twice is one breakpoint for gdb but two for QEMU, so the second is answered here. Conditions and
 * commands are not offered: QEMU would take them and ignore them.
 */
export const insert: Rule<"Z"> = (packet, { ledger }) => {
  if (packet.extra !== "") return refuse("conditions and commands of breakpoints are not supported", REFUSED);
  if (packet.length > BREAKPOINT_LENGTH_MAX) return refuse("the watched range is too long", REFUSED);
  if (ledger.has(packet)) return answer("OK");
  if (ledger.size >= BREAKPOINTS_MAX) return refuse(`at most ${BREAKPOINTS_MAX} breakpoints`, REFUSED);
  if (!isBreakpoint(packet)) return ask(ledger.insert(packet));
  ledger.want(packet);
  return answer("OK");
};

export const remove: Rule<"z"> = (packet, { ledger }) => {
  if (!ledger.has(packet)) return answer(REFUSED);
  if (!isBreakpoint(packet)) return ask(ledger.remove(packet));
  ledger.unwant(packet);
  return answer("OK");
};
