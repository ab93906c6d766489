import assert from "node:assert/strict";
import type { TraceEvent } from "../events.ts";
import type { StoppedFact } from "../fact.ts";
import { CTF_EVENT_BYTES_MAX } from "../limits.ts";
import { classOf, type FieldKind } from "./ctf-layout.ts";
import { microseconds, placeOfStop } from "./export-input.ts";

const FIRST_BYTES = 4_096;
const ABSENT = -1n;

/** Bytes of one event, little-endian, without padding: it grows up to CTF_EVENT_BYTES_MAX. */
export class EventBytes {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  /** The event's header, context and fields; valid until the next call. */
  of(event: TraceEvent, stop: StoppedFact | undefined, time: number): Buffer {
    this.#length = 0;
    const { id, fields } = classOf(event);
    this.#u16(id);
    this.#u64(BigInt(time));
    this.#u64(BigInt(event.seq));
    const members: Readonly<Record<string, unknown>> = { ...event };
    for (const { name, kind } of fields) this.#field(kind, members[name], stop);
    return this.#buffer.subarray(0, this.#length);
  }

  #field(kind: FieldKind, value: unknown, stop: StoppedFact | undefined): void {
    switch (kind) {
      case "count":
        this.#u64(BigInt(value as number));
        break;
      case "optional-count":
        this.#u64(BigInt.asUintN(64, value === undefined ? ABSENT : BigInt(value as number)));
        break;
      case "flag":
        this.#u8(value === true ? 1 : 0);
        break;
      case "text":
        this.#string(escapedText((value ?? "") as string));
        break;
      case "bytes":
        this.#string(escapedBytes(value as string));
        break;
      case "json":
        this.#string(value === undefined ? "" : escapedText(JSON.stringify(value)));
        break;
      case "bytes-list":
        this.#list(value as readonly string[], (one) => this.#string(escapedBytes(one)));
        break;
      case "addresses":
        this.#list(value as readonly string[], (hex) => this.#u64(BigInt(`0x${hex}`)));
        break;
      case "stop-address":
        this.#u64(stop?.pc ?? 0n);
        break;
      case "stop-place":
        this.#string(escapedText(stop === undefined ? "" : (placeOfStop(stop) ?? "")));
        break;
      default:
        kind satisfies never;
    }
  }

  #list(values: readonly string[], write: (value: string) => void): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(values.length, this.#length);
    for (const value of values) write(value);
  }

  #u8(value: number): void {
    this.#reserve(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  #u16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16LE(value, this.#length);
  }

  #u64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
  }

  #string(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#reserve(bytes + 1);
    this.#buffer.write(text, this.#length);
    this.#length += bytes;
    this.#u8(0);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    assert(needed <= CTF_EVENT_BYTES_MAX, `an event of more than ${CTF_EVENT_BYTES_MAX} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(CTF_EVENT_BYTES_MAX, Math.max(needed, 2 * this.#buffer.length)));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_PRINTABLE_ASCII = /[\0-\x1f\\\x7f-\xff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\0-\x1f\\\x7f-\x9f]/g;
const escaped = (character: string) =>
  character === "\\" ? "\\\\" : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** CTF strings end at a zero and are UTF-8: bytes that do not print become `\xNN`, a backslash two. */
function escapedBytes(data: string): string {
  return data.replace(NOT_PRINTABLE_ASCII, escaped);
}

/** The same for text: other characters stay as they are. */
function escapedText(text: string): string {
  return text.replace(CONTROLS, escaped).toWellFormed();
}

/** An event's time; never before the one before it. */
export function timeOf(event: TraceEvent, before: number): number {
  return Math.max(before, microseconds(event.t));
}
