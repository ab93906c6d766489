import type { TraceEvent, TraceEventOf, TraceEventType } from "../events.ts";

/**
 * How events stand in a Common Trace Format stream: each kind of event is one there, of the same name, and so is each
 * of its members. An event's number in this table is its id in the stream.
 */
export type FieldKind =
  /** A whole number from 0: 64 bits. */
  | "count"
  /** The same, where it may be left out: signed, -1 then. */
  | "optional-count"
  | "flag"
  /** Unicode; left out is empty. */
  | "text"
  /** One character per byte in the trace. */
  | "bytes"
  | "bytes-list"
  /** Hex in the trace: 64-bit numbers. */
  | "addresses"
  /** Any value, as JSON; left out is empty. */
  | "json"
  /** Derived, not recorded: where a stop was, as a number (0 where it is not known) and in words. */
  | "stop-address"
  | "stop-place";

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
}

type Members<T extends TraceEventType> = Readonly<
  Partial<Record<Exclude<keyof TraceEventOf<T>, "seq" | "t" | "type">, FieldKind>>
>;
type Layout = { readonly [T in TraceEventType]: Members<T> };

const WHERE = { pc: "stop-address", place: "stop-place" } as const;

const LAYOUT = {
  "trace.opened": {
    version: "count",
    session: "text",
    user: "text",
    lab: "text",
    image: "text",
    arch: "text",
    parameters: "json",
    cell: "text",
    wall: "text",
  },
  "trace.resumed": { wall: "text", cutBytes: "count" },
  "trace.sealed": { wall: "text", signature: "json" },
  "machine.found": { epoch: "count", qemu: "text", from: "text", template: "text" },
  "machine.gone": { epoch: "count" },
  "machine.hibernated": { epoch: "count" },
  "machine.saved": { epoch: "count", as: "text" },
  "machine.written": { icount: "count", data: "bytes" },
  "recording.kept": { epoch: "count", sha256: "text", bytes: "count", template: "text", whole: "flag" },
  "connection.opened": { connection: "count", kind: "text", via: "text", user: "text", role: "text" },
  "connection.closed": { connection: "count", why: "text" },
  "gdb.packet": { connection: "count", data: "bytes" },
  "gdb.reply": { connection: "count", data: "bytes" },
  "gdb.interrupt": { connection: "count" },
  "gdb.refused": { connection: "count", why: "text" },
  "gdb.noted": { connection: "count", packets: "bytes-list" },
  "answer.given": { connection: "count", question: "text", value: "text" },
  "seat.taken": { connection: "count" },
  "machine.resumed": { connection: "count", action: "text" },
  "machine.stopped": {
    reply: "bytes",
    registers: "text",
    frames: "addresses",
    user: "json",
    icount: "optional-count",
    steps: "optional-count",
    misses: "optional-count",
  },
  "machine.rewound": { connection: "count", steps: "count", reply: "bytes", registers: "text" },
  "console.output": { data: "bytes" },
  "console.dropped": { bytes: "count" },
  "console.input": { connection: "count", data: "bytes" },
} as const satisfies Layout;

/** Kinds whose event may be that of a stop. */
const STOPS: ReadonlySet<string> = new Set<TraceEventType>(["machine.stopped", "machine.rewound"]);

export interface EventClass {
  readonly id: number;
  readonly name: TraceEventType;
  readonly fields: readonly Field[];
}

/** Every kind of event, in the order of their ids. */
export const EVENT_CLASSES: readonly EventClass[] = Object.entries(LAYOUT).map(([name, members], id) => ({
  id,
  name: name as TraceEventType,
  fields: Object.entries({ ...members, ...(STOPS.has(name) && WHERE) }).map(([field, kind]) => ({ name: field, kind })),
}));

const BY_NAME: ReadonlyMap<string, EventClass> = new Map(EVENT_CLASSES.map((one) => [one.name, one]));

/** @throws TypeError for an event that this version does not know, which no reader gives out */
export function classOf(event: TraceEvent): EventClass {
  const found = BY_NAME.get(event.type);
  if (found === undefined) throw new TypeError(`no layout of ${event.type}`);
  return found;
}
