import { answer, ask, askToWrite, forwarded, type Rule } from "./decision.ts";

/** `g`: the hub has read it at the stop; asked again only after a write or a change of thread. */
export const readAll: Rule<"g"> = (_packet, { registers }) =>
  registers === null ? ask(forwarded("g")) : answer(registers);

export const writeAll: Rule<"G"> = ({ values }, view) => {
  view.forgetRegisters();
  return askToWrite(forwarded(`G${values}`));
};

export const readOne: Rule<"p"> = ({ register }) => ask(forwarded(`p${register.toString(16)}`));

export const writeOne: Rule<"P"> = ({ register, value }, view) => {
  view.forgetRegisters();
  return askToWrite(forwarded(`P${register.toString(16)}=${value}`));
};
