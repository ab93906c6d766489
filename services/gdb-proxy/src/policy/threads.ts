import type { Conversation } from "../hub/conversation.ts";
import { THREADS_MAX } from "../limits.ts";
import { answer, ask, forwarded, type Rule } from "./decision.ts";

/** `Hg` chooses whose registers `g` means. */
export const choose: Rule<"H"> = ({ operation, thread }, view) => {
  view.forgetRegisters();
  return ask(forwarded(`H${operation}${thread}`));
};

export const isAlive: Rule<"T"> = ({ thread }) => ask(forwarded(`T${thread}`));
export const current: Rule<"qC"> = () => ask(forwarded("qC"));
/** gdb lists the threads after every step. The stub names them one by one; gdb takes them all at once. */
export const listFirst: Rule<"qfThreadInfo"> = (_packet, { threads }) =>
  threads.list === null ? ask(listAll(threads)) : answer(threads.list);
export const listNext: Rule<"qsThreadInfo"> = () => answer("l");
export const describe: Rule<"qThreadExtraInfo"> = ({ thread }) => ask(forwarded(`qThreadExtraInfo,${thread}`));

function* listAll(threads: { list: string | null }): Conversation<string> {
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
