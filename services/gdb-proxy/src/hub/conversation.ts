/**
 * A conversation with the stopped stub, as a pure generator: it yields the payload of a packet to send and
 * is given the payload of the stub's answer; yielding null sends nothing and waits for one more packet.
 */
export type Conversation<T> = Generator<string | null, T, string>;

/** What a Journey does next. Given back: the stub's answer, the stop reply after the step, or nothing. */
type Stride =
  /** As a Conversation yields. */
  | { readonly kind: "ask"; readonly payload: string | null }
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
