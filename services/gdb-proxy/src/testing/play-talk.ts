import type { Conversation } from "../hub/conversation.ts";

/** Plays a conversation with a stub that answers at once, in order. @throws Error where it leaves answers behind */
export function playTalk<T>(talk: Conversation<T>, answer: (payload: string) => string): T {
  const due: string[] = [];
  let next = talk.next("");
  while (!next.done) {
    const { value } = next;
    if (value !== null) due.push(answer(typeof value === "string" ? value : value.ahead));
    next = talk.next(value === null || typeof value === "string" ? (due.shift() ?? "") : "");
  }
  if (due.length > 0) throw new Error(`left without reading ${due.length} answers`);
  return next.value;
}
