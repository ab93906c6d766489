import { type Rule, refuse } from "./decision.ts";

/** A real `D` crashes QEMU 7.2 with the next packet; the hub removes breakpoints and resumes by itself. */
export const detach: Rule<"D"> = () => ({ kind: "leave", reply: "OK" });
/** A real `k` ends QEMU. The machine outlives its debugger. */
export const kill: Rule<"k"> = () => ({ kind: "leave", reply: null });
export const killProcess: Rule<"vKill"> = () => ({ kind: "leave", reply: "OK" });
export const restart: Rule<"R"> = () => refuse("a machine is reset through its session");
export const run: Rule<"vRun"> = () => refuse("a machine is started through its session");
