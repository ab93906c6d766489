import type { VContRange } from "@ringside/rsp";
import { VCONT_ACTIONS_MAX } from "../limits.ts";
import { answer, type Decision, OBSERVES, type Rule, refuse } from "./decision.ts";

/** C and S must be listed, or gdb does not use vCont at all. `r` is done beside the stub, which has none. */
export const RESUMES = "vCont;c;C;s;S;r";

export const listActions: Rule<"vCont?"> = () => answer(RESUMES);

/** Signals mean nothing to a machine: they are left out. */
export const resume: Rule<"resume"> = ({ action, at }, { recording, asker }) => {
  if (!asker.drives) return observing(action === "continue" && at === null);
  if (at !== null && recording) return refuse("a jump is not recorded: write the program counter first", "E22");
  return {
    kind: "resume",
    action,
    payload: `${action === "step" ? "s" : "c"}${at === null ? "" : at.toString(16)}`,
  };
};

export const resumeThreads: Rule<"vCont"> = ({ actions }, { asker }) => {
  if (actions.length > VCONT_ACTIONS_MAX) return refuse("too many actions", "E22");
  let payload = "vCont";
  let range: VContRange | null = null;
  for (const one of actions) {
    const { action, thread } = one;
    if (action === "stop") return refuse("vCont's stop is not supported");
    if (action === "range" && range !== null) return refuse("one range at a time", "E22");
    if (action === "range") range = one;
    if (thread !== null && !/^(?:-1|[0-9a-fA-F]{1,8})$/.test(thread)) return refuse("not a thread", "E22");
    payload += `;${action === "continue" ? "c" : "s"}${thread === null ? "" : `:${thread}`}`;
  }
  const steps = actions.some(({ action }) => action !== "continue");
  if (!asker.drives) return observing(!steps);
  if (range !== null) return { kind: "resume", action: "range", payload, start: range.start, end: range.end };
  return { kind: "resume", action: steps ? "step" : "continue", payload };
};

const observing = (continues: boolean): Decision =>
  continues ? { kind: "wait" } : refuse("observers do not step", OBSERVES);

/** QEMU aborts on these outside a replay. */
export const reverse: Rule<"reverse"> = () => refuse("only a replay can run backwards");
