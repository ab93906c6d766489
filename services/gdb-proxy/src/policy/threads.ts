import { bytesOfHex } from "@ringside/rsp";
import type { Conversation } from "../hub/conversation.ts";
import { THREAD_WORDS_CHARS_MAX, THREADS_MAX } from "../limits.ts";
import { answer, ask, forwarded, type KnownThreads, type PolicyView, type Rule } from "./decision.ts";

/** `Hg` chooses whose registers `g` means, for this debugger alone. 0 is any thread: that of the stop. */
export const choose: Rule<"H"> = ({ operation, thread }, view) => {
  if (operation === "c") return ask(forwarded(`Hc${thread}`));
  if (/^0+$/.test(thread)) {
    view.choseThread(null);
    return answer("OK");
  }
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
  const known = idsOf(list).map((id) => Number.parseInt(id, 16));
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

const idsOf = (list: string): readonly string[] => list.slice(1).split(",");

/**
 * All threads with QEMU's words about each ("CPU#0 [running]"), as `qXfer:threads:read` has them: gdb lists the threads
 * at each stop that it shows, and this takes one packet. QEMU has no such document.
 */
export function* documentOf(threads: KnownThreads): Conversation<string> {
  const list = threads.list ?? (yield* listAll(threads));
  if (!/^m[0-9a-f,]+$/.test(list)) return list;
  const lines: string[] = [];
  for (const id of idsOf(list)) lines.push(threadLine(id, bytesOfHex(yield `qThreadExtraInfo,${id}`)));
  const text = `<threads>${lines.join("")}</threads>`;
  threads.document = { text, isNow: true };
  return text;
}

/** What is known of the threads without asking. gdb must not be told that there are none: it would drop its own. */
export function documentSoFar({ threads, stopReply }: Pick<PolicyView, "threads" | "stopReply">): string {
  if (threads.document !== null) return threads.document.text;
  const stopped = /thread:([0-9a-f]+)/.exec(stopReply)?.[1] ?? "1";
  const ids = threads.list === null ? [stopped] : idsOf(threads.list);
  return `<threads>${ids.map((id) => threadLine(id, "")).join("")}</threads>`;
}

/** What XML has a use for is left out of the words. */
function threadLine(id: string, words: string | null): string {
  const safe = (words ?? "").replaceAll(/[^\w #[\]().:-]/g, "").slice(0, THREAD_WORDS_CHARS_MAX);
  return `<thread id="${id}">${safe}</thread>`;
}
