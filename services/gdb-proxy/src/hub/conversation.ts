/**
 * A conversation with the stopped stub, as a pure generator: it yields the payload of a packet to send and
 * is given the payload of the stub's answer; yielding null sends nothing and waits for one more packet.
 */
export type Conversation<T> = Generator<string | null, T, string>;
