import type { TraceEventOf } from "../events.ts";
import { EVENT_CLASSES, type EventClass, type Field } from "./ctf-layout.ts";
import type { ExportInput } from "./export-input.ts";

/** CTF 1.8, "Packet header": tells a reader that these are packets, and their byte order. */
export const CTF_MAGIC = 0xc1fc1fc1;
const UUID_BYTES = 16;
/** Readers count nanoseconds since 1970 in 64 bits: a clock that begins after 2199 is written as one without a date. */
const WALL_MS_MAX = Date.UTC(2200, 0);

/** The trace's name among traces: the beginning of its digest, in the form of a UUID of one's own making (RFC 9562, version 8). */
export function traceUuid(digest: string): Uint8Array {
  const bytes = Buffer.from(digest.slice(0, 2 * UUID_BYTES).padEnd(2 * UUID_BYTES, "0"), "hex");
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

/** The metadata file: TSDL (CTF 1.8, "Trace Stream Description Language") of this trace. */
export function ctfMetadata({ events, digest }: ExportInput): string {
  const [first] = events;
  const opened = first?.type === "trace.opened" ? first : null;
  return `/* CTF 1.8 */

${TYPES}
trace {
  major = 1;
  minor = 8;
  byte_order = le;
  uuid = "${uuidText(traceUuid(digest))}";
  packet.header := struct {
    u32 magic;
    u8 uuid[${UUID_BYTES}];
    u32 stream_id;
  };
};

env {
${environment(opened, digest)}
};

${clock(opened)}
stream {
  id = 0;
  packet.context := struct {
    time timestamp_begin;
    time timestamp_end;
    u64 content_size;
    u64 packet_size;
    u64 packet_seq_num;
  };
  event.header := struct {
    u16 id;
    time timestamp;
  };
  event.context := struct {
    u64 _seq;
  };
};

${EVENT_CLASSES.map(eventClass).join("\n")}`;
}

const TYPES = `typealias integer { size = 8; align = 8; signed = false; } := u8;
typealias integer { size = 16; align = 8; signed = false; } := u16;
typealias integer { size = 32; align = 8; signed = false; } := u32;
typealias integer { size = 64; align = 8; signed = false; } := u64;
typealias integer { size = 64; align = 8; signed = true; } := i64;
typealias integer { size = 64; align = 8; signed = false; base = hex; } := address;
`;

function uuidText(uuid: Uint8Array): string {
  const hex = Buffer.from(uuid).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** All of these are of letters, digits, '-' and '_': they need no escapes. */
function environment(opened: TraceEventOf<"trace.opened"> | null, digest: string): string {
  const { session = "", lab = "", image = "", arch = "", cell = "" } = opened ?? {};
  const values = { tracer_name: "ringside", trace_digest: digest, session, lab, image, arch, cell };
  return Object.entries(values)
    .map(([name, value]) => `  ${name} = "${value}";`)
    .join("\n");
}

function clock(opened: TraceEventOf<"trace.opened"> | null): string {
  const wall = opened === null ? 0 : Date.parse(opened.wall);
  const start = wall >= 0 && wall < WALL_MS_MAX ? wall : 0;
  return `clock {
  name = "session";
  description = "microseconds since the trace was opened";
  freq = 1000000;
  offset_s = ${Math.floor(start / 1_000)};
  offset = ${(start % 1_000) * 1_000};
  absolute = false;
};
typealias integer { size = 64; align = 8; signed = false; map = clock.session.value; } := time;
`;
}

function eventClass({ id, name, fields }: EventClass): string {
  return `event {
  name = "${name}";
  id = ${id};
  stream_id = 0;
  fields := struct {
${fields.map(field).join("\n")}
  };
};
`;
}

/** A leading '_', which readers take away, keeps names from being TSDL's own words (CTF 1.8, 7.3.2). */
function field({ name, kind }: Field): string {
  switch (kind) {
    case "count":
      return `    u64 _${name};`;
    case "optional-count":
      return `    i64 _${name};`;
    case "flag":
      return `    u8 _${name};`;
    case "text":
    case "bytes":
    case "json":
    case "stop-place":
      return `    string _${name};`;
    case "bytes-list":
      return `    u32 _${name}_length;\n    string _${name}[_${name}_length];`;
    case "addresses":
      return `    u32 _${name}_length;\n    address _${name}[_${name}_length];`;
    case "stop-address":
      return `    address _${name};`;
    default:
      return kind satisfies never;
  }
}
