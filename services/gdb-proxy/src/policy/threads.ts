import type { Conversation } from "../hub/conversation.ts";
import { THREADS_MAX } from "../limits.ts";
import { answer, ask, forwarded, type PolicyView, type Rule } from "./decision.ts";

/** `Hg` chooses whose registers `g` means, for this debugger alone. */
export const choose: Rule<"H"> = ({ operation, thread }, view) => {
  if (operation === "c") return ask(forwarded(`Hc${thread}`));
  view.forgetRegisters();
  return ask(chosen(thread, view));
};

function* chosen(thread: string, view: PolicyView): Conversation<string> {
  const reply = yield `Hg${thread}`;
  if (reply === "OK") view.choseThread(thread);
  return reply;
}

export const isAlive: Rule<"T"> = ({ thread }) => ask(forwarded(`T${thread}`));
export const current: Rule<"qC"> = () => ask(forwarded("qC"));
/** gdb lists the threads after every step. The stub names them one by one; gdb takes them all at once. */
export const listFirst: Rule<"qfThreadInfo"> = (_packet, { threads }) =>
  threads.list === null ? ask(listAll(threads)) : answer(threads.list);
export const listNext: Rule<"qsThreadInfo"> = () => answer("l");
export const describe: Rule<"qThreadExtraInfo"> = ({ thread }, { threads }) => ask(described(thread, threads));

/** QEMU gives no answer at all about a thread that there is not. */
function* described(thread: string, threads: PolicyView["threads"]): Conversation<string> {
  const list = threads.list ?? (yield* listAll(threads));
  const known = list
    .slice(1)
    .split(",")
    .map((id) => Number.parseInt(id, 16));
  if (!known.includes(Number.parseInt(thread, 16))) return "E22";
  return yield `qThreadExtraInfo,${thread}`;
}

/** Names all threads: as the answer to `qfThreadInfo` that leaves nothing for `qsThreadInfo`. */
export function* listAll(threads: { list: string | null }): Conversation<string> {
  const ids: string[] = [];
  let reply = yield "qfThreadInfo";
  while (reply.startsWith("m") && ids.length < THREADS_MAX) {
    ids.push(reply.slice(1));
    reply = yield "qsThreadInfo";
  }
  if (reply !== "l") return reply;
  threads.list = `m${ids.join(",")}`;
  return threads.list;
}
