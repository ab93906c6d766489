import { STUB_PACKETS_AHEAD_MAX } from "../limits.ts";

/**
 * What a Conversation yields: the payload of a packet to send, whose answer it waits for; null: nothing is sent, and it
 * waits for one more packet; `ahead`: the packet is sent and nothing is waited for. Answers come in order.
 */
export type Saying = string | null | { readonly ahead: string };

/**
 * A conversation with the stopped stub, as a pure generator: it is given the payload of what it waits for (nothing for
 * `ahead`), and waits for all answers before it ends.
 */
export type Conversation<T> = Generator<Saying, T, string>;

/** Asks questions of which none depends on another's answer: the stub has several at a time. The answers in order. */
export function* askAll(payloads: readonly string[]): Conversation<readonly string[]> {
  const replies: string[] = [];
  let sent = 0;
  while (replies.length < payloads.length) {
    for (; sent < payloads.length && sent - replies.length < STUB_PACKETS_AHEAD_MAX; sent += 1) {
      yield { ahead: payloads[sent] ?? "" };
    }
    replies.push(yield null);
  }
  return replies;
}

/** What a Journey does next. Given back: the stub's answer, the stop reply after the step, or nothing. */
export type Stride =
  /** As a Conversation yields. */
  | { readonly kind: "ask"; readonly payload: Saying }
  /** Lets the machine take one step. */
  | { readonly kind: "step"; readonly payload: string }
  /** Gives way to other machines. */
  | { readonly kind: "rest" };

/** A conversation with steps of the machine in between, during which nobody else is served. */
export type Journey<T> = Generator<Stride, T, string>;

/** Set from outside where somebody wants the machine to stand: a journey takes no step after that. */
export interface Cut {
  wanted: boolean;
}

/** A conversation as part of a journey. */
export function* asking<T>(talk: Conversation<T>): Journey<T> {
  let next = talk.next("");
  while (!next.done) next = talk.next(yield { kind: "ask", payload: next.value });
  return next.value;
}
