/** What can be wrong with a trace. */
export const DAMAGE_KINDS = [
  "empty",
  "torn_line",
  "line_too_long",
  "too_many_bytes",
  "too_many_events",
  "not_a_line",
  "wrong_hash",
  "not_an_event",
  "future_version",
  "no_opening",
  "second_opening",
  "wrong_sequence",
  "time_backwards",
  "after_seal",
] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];

export interface Damage {
  readonly kind: DamageKind;
  /** In words, for people. */
  readonly why: string;
  /** Where the first bad line begins: byte offset from 0, line number from 1, and the event number it should have. */
  readonly at: { readonly byte: number; readonly line: number; readonly seq: number };
}

export const DAMAGE_WORDS = {
  empty: "there are no events",
  torn_line: "the last line is cut off",
  line_too_long: "a line is longer than any event",
  too_many_bytes: "the trace is larger than traces may be",
  too_many_events: "the trace has more events than traces may have",
  not_a_line: "a line does not have the form of an event with its hash",
  wrong_hash: "a line's hash does not follow from the lines before it: something was changed, removed or added",
  not_an_event: "a line is no event that this version knows",
  future_version: "the trace was recorded by a newer version: upgrade Ringside to read it",
  no_opening: "the trace does not begin with its opening",
  second_opening: "the trace is opened a second time",
  wrong_sequence: "event numbers do not follow each other",
  time_backwards: "time runs backwards",
  after_seal: "something follows the seal",
} as const satisfies Record<DamageKind, string>;
