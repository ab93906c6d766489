import { createHash, type Hash } from "node:crypto";
import { type Seal, TRACE_BYTES_MAX } from "@ringside/shared";
import { FIRST_HASH, follows, splitLine } from "./chain.ts";
import { DAMAGE_WORDS, type Damage, type DamageKind } from "./damage.ts";
import { eventSchema, TRACE_VERSION, type TraceEvent } from "./events.ts";
import { EVENTS_MAX, LINE_BYTES_MAX } from "./limits.ts";
import { LineSplitter } from "./lines.ts";
import { type SealSignature, signatureOf } from "./seal-signature.ts";

/**
 * Reads a trace and stops at the first bad byte: every line's form, hash, schema, number and time are
 * checked before its event is given out. Nothing is trusted and nothing is unbounded: bytes, lines and
 * events have limits, and only one line is held at a time.
 */
export interface TraceLimits {
  readonly bytesMax?: number;
  readonly eventsMax?: number;
  readonly lineBytesMax?: number;
}

/** Where reading has come to: behind the last good line. */
export interface TracePosition {
  readonly events: number;
  readonly bytes: number;
  /** Hash of the last good line. */
  readonly head: string;
  readonly t: number;
  readonly sealed: boolean;
  /** Of its seal. */
  readonly signature: SealSignature | undefined;
  /** sha256 over the bytes so far. */
  readonly digest: Hash;
}

export type TraceEnd = { readonly position: TracePosition; readonly damage: Damage | null };

interface Cursor {
  events: number;
  bytes: number;
  head: string;
  t: number;
  sealed: boolean;
  signature: SealSignature | undefined;
  readonly digest: Hash;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NEWLINE = Buffer.from("\n");

/** Gives the events of a trace one by one, and at last where and how it ended. */
export async function* readEvents(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  limits: TraceLimits = {},
): AsyncGenerator<TraceEvent, TraceEnd, void> {
  const { bytesMax = TRACE_BYTES_MAX, eventsMax = EVENTS_MAX, lineBytesMax = LINE_BYTES_MAX } = limits;
  const cursor = firstCursor();
  const lines = new LineSplitter(lineBytesMax);
  const end = (kind?: DamageKind): TraceEnd => ({ position: cursor, damage: kind ? damageAt(kind, cursor) : null });
  for await (const chunk of chunks) {
    for (const line of lines.push(chunk)) {
      if (line === null) return end(cursor.sealed ? "after_seal" : "line_too_long");
      if (cursor.bytes + line.length + 1 > bytesMax) return end("too_many_bytes");
      if (cursor.events === eventsMax) return end("too_many_events");
      const event = checkLine(line, cursor);
      if (typeof event === "string") return end(event);
      advance(cursor, line, event);
      yield event;
    }
    if (cursor.bytes + lines.rest > bytesMax) return end("too_many_bytes");
  }
  if (lines.rest > 0) return end(cursor.sealed ? "after_seal" : "torn_line");
  return end(cursor.events === 0 ? "empty" : undefined);
}

function firstCursor(): Cursor {
  const digest = createHash("sha256");
  return { events: 0, bytes: 0, head: FIRST_HASH, t: 0, sealed: false, signature: undefined, digest };
}

function damageAt(kind: DamageKind, cursor: Cursor): Damage {
  const at = { byte: cursor.bytes, line: cursor.events + 1, seq: cursor.events };
  return { kind, why: `${DAMAGE_WORDS[kind]} (line ${at.line}, byte ${at.byte})`, at };
}

function advance(cursor: Cursor, line: Buffer, event: TraceEvent): void {
  cursor.digest.update(line).update(NEWLINE);
  cursor.head = splitLine(line)?.hash ?? cursor.head;
  cursor.events += 1;
  cursor.bytes += line.length + 1;
  cursor.t = event.t;
  cursor.sealed = event.type === "trace.sealed";
}

function checkLine(line: Buffer, cursor: Cursor): TraceEvent | DamageKind {
  if (cursor.sealed) return "after_seal";
  const parts = splitLine(line);
  if (parts === null) return "not_a_line";
  const value = parseBody(parts.body);
  // Before the hash: a newer version may chain differently.
  if (cursor.events === 0 && isFromTheFuture(value)) return "future_version";
  if (!follows(cursor.head, parts.body, parts.hash)) return "wrong_hash";
  const parsed = eventSchema.safeParse(value);
  if (!parsed.success) return "not_an_event";
  const event = parsed.data;
  if (event.seq !== cursor.events) return "wrong_sequence";
  if (event.t < cursor.t) return "time_backwards";
  if (event.type === "trace.opened" && event.seq > 0) return "second_opening";
  if (event.type !== "trace.opened" && event.seq === 0) return "no_opening";
  if (event.type === "trace.sealed" && event.signature !== undefined) {
    const signature = signatureOf(event.signature, cursor.head, parts.body.toString("utf8"));
    if (signature === null) return "not_an_event";
    cursor.signature = signature;
  }
  return event;
}

function parseBody(body: Buffer): unknown {
  try {
    return JSON.parse(`${UTF8.decode(body)}}`);
  } catch {
    return undefined;
  }
}

function isFromTheFuture(value: unknown): boolean {
  const version = (value as { readonly version?: unknown } | null | undefined)?.version;
  return typeof version === "number" && version > TRACE_VERSION;
}

export type VerifyResult =
  | {
      readonly status: "intact";
      readonly events: readonly TraceEvent[];
      /** Undefined while the trace is not sealed. */
      readonly seal: Seal | undefined;
      /** What its seal is signed with; nobody has checked it yet: see checkSignature. */
      readonly signature: SealSignature | undefined;
      /** sha256 over all bytes. */
      readonly digest: string;
    }
  | ({ readonly status: "damaged"; readonly events: readonly TraceEvent[] } & Damage);

/**
 * Checks a whole trace.
 * @param source its bytes, all segments in order
 * @returns its events, or with status `damaged` those before the first bad line and what is wrong with it
 */
export async function verifyTrace(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  limits: TraceLimits = {},
): Promise<VerifyResult> {
  const events: TraceEvent[] = [];
  const reading = readEvents(source instanceof Uint8Array ? [source] : source, limits);
  for (;;) {
    const next = await reading.next();
    if (!next.done) {
      events.push(next.value);
      continue;
    }
    const { position, damage } = next.value;
    if (damage !== null) return { status: "damaged", events, ...damage };
    const digest = position.digest.copy().digest("hex");
    const seal = position.sealed ? sealAt(position) : undefined;
    return { status: "intact", events, digest, seal, signature: position.signature };
  }
}

/** The seal of a trace whose last event, at this position, is `trace.sealed`. */
export function sealAt(position: TracePosition): Seal {
  const digest = position.digest.copy().digest("hex");
  return { events: position.events, bytes: position.bytes, digest, head: position.head };
}
