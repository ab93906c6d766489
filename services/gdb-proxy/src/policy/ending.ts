import { OBSERVES, type Rule, refuse } from "./decision.ts";

/** A real `D` crashes QEMU 7.2 with the next packet; the hub removes breakpoints and resumes by itself. */
export const detach: Rule<"D"> = () => ({ kind: "leave", reply: "OK", kills: false });
/** A real `k` ends QEMU. The driver's is a wish for a fresh machine; nobody else's is. */
export const kill: Rule<"k"> = (_packet, { asker }) => ({ kind: "leave", reply: null, kills: asker.drives });
export const killProcess: Rule<"vKill"> = (_packet, { asker }) =>
  asker.drives ? { kind: "leave", reply: "OK", kills: true } : refuse("observers do not kill", OBSERVES);
export const restart: Rule<"R"> = () => refuse("a machine is reset through its session");
export const run: Rule<"vRun"> = () => refuse("a machine is started through its session");
