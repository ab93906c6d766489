import { registerBytes } from "@ringside/rsp";
import { answer, ask, askToWrite, forwarded, type Rule, refuse } from "./decision.ts";

/** `g`: the hub has read it at the stop; asked again only after a write or a change of thread. */
export const readAll: Rule<"g"> = (_packet, { registers }) =>
  registers === null ? ask(forwarded("g")) : answer(registers);

/** QEMU writes as many registers as it is given, and the next from what is left of another packet. */
export const writeAll: Rule<"G"> = ({ values }, view) => {
  if (values.length !== 2 * registerBytes(view.arch)) return refuse("not as long as all registers", "E22");
  view.forgetRegisters();
  return askToWrite(forwarded(`G${values}`));
};

export const readOne: Rule<"p"> = ({ register }) => ask(forwarded(`p${register.toString(16)}`));

export const writeOne: Rule<"P"> = ({ register, value }, view) => {
  view.forgetRegisters();
  return askToWrite(forwarded(`P${register.toString(16)}=${value}`));
};
