import { VCONT_ACTIONS_MAX } from "../limits.ts";
import { answer, type Rule, refuse } from "./decision.ts";

/** C and S must be listed, or gdb does not use vCont at all. */
export const listActions: Rule<"vCont?"> = () => answer("vCont;c;C;s;S");

/** Signals mean nothing to a machine: they are left out. */
export const resume: Rule<"resume"> = ({ action, at }, { recording }) => {
  if (at !== null && recording) return refuse("a jump is not recorded: write the program counter first", "E22");
  return {
    kind: "resume",
    action,
    payload: `${action === "step" ? "s" : "c"}${at === null ? "" : at.toString(16)}`,
  };
};

export const resumeThreads: Rule<"vCont"> = ({ actions }) => {
  if (actions.length > VCONT_ACTIONS_MAX) return refuse("too many actions", "E22");
  let payload = "vCont";
  for (const { action, thread } of actions) {
    if (action === "stop" || action === "range") return refuse(`vCont's ${action} is not supported`);
    if (thread !== null && !/^(?:-1|[0-9a-fA-F]{1,8})$/.test(thread)) return refuse("not a thread", "E22");
    payload += `;${action === "step" ? "s" : "c"}${thread === null ? "" : `:${thread}`}`;
  }
  return { kind: "resume", action: actions.some(({ action }) => action === "step") ? "step" : "continue", payload };
};

/** QEMU aborts on these outside a replay. */
export const reverse: Rule<"reverse"> = () => refuse("only a replay can run backwards");
