import { EVENT_CLASSES, type Field } from "../export/ctf-layout.ts";

/** Reads back what the exporter wrote: every bit of every packet must be accounted for. */
export interface CtfPacket {
  readonly bytes: number;
  readonly begin: number;
  readonly end: number;
  readonly number: number;
  readonly uuid: string;
  readonly events: readonly CtfEvent[];
}

export interface CtfEvent {
  readonly name: string;
  readonly time: number;
  readonly seq: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

const MAGIC = 0xc1fc1fc1;

/** @throws Error where the stream is not what its packets' heads say */
export function readCtfStream(stream: Buffer): readonly CtfPacket[] {
  const packets: CtfPacket[] = [];
  for (let at = 0; at < stream.length; ) {
    const reader = new Reader(stream, at);
    if (reader.unsigned(4) !== MAGIC) throw new Error(`no packet begins at ${at}`);
    const uuid = reader.take(16).toString("hex");
    if (reader.unsigned(4) !== 0) throw new Error("another stream");
    const [begin = 0, end = 0, contentBits = 0, packetBits = 0, number = 0] = [0, 1, 2, 3, 4].map(() => reader.u64());
    if (contentBits !== packetBits || packetBits % 8 !== 0) throw new Error("a packet with padding");
    const limit = at + packetBits / 8;
    if (limit > stream.length) throw new Error("a packet that is cut off");
    const events: CtfEvent[] = [];
    while (reader.at < limit) events.push(readEvent(reader));
    if (reader.at !== limit) throw new Error("an event runs out of its packet");
    packets.push({ bytes: packetBits / 8, begin, end, number, uuid, events });
    at = limit;
  }
  return packets;
}

function readEvent(reader: Reader): CtfEvent {
  const found = EVENT_CLASSES[reader.unsigned(2)];
  if (found === undefined) throw new Error("an event of no class");
  const time = reader.u64();
  const seq = reader.u64();
  return {
    name: found.name,
    time,
    seq,
    fields: Object.fromEntries(found.fields.map(({ name, kind }) => [name, readField(reader, kind)])),
  };
}

function readField(reader: Reader, kind: Field["kind"]): unknown {
  switch (kind) {
    case "count":
      return reader.u64();
    case "optional-count": {
      const value = reader.take(8).readBigInt64LE();
      return value === -1n ? undefined : Number(value);
    }
    case "flag":
      return reader.unsigned(1) === 1;
    case "text":
    case "bytes":
    case "stop-place":
      return unescaped(reader.string());
    case "json": {
      const json = unescaped(reader.string());
      return json === "" ? undefined : JSON.parse(json);
    }
    case "bytes-list":
      return Array.from({ length: reader.unsigned(4) }, () => unescaped(reader.string()));
    case "addresses":
      return Array.from({ length: reader.unsigned(4) }, () => reader.take(8).readBigUInt64LE().toString(16));
    case "stop-address":
      return reader.take(8).readBigUInt64LE();
    default:
      return kind satisfies never;
  }
}

function unescaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
  if (/[\0-\x1f\x7f-\x9f]/.test(text)) throw new Error("a control character in a text");
  return text.replace(/\\(?:\\|x([0-9a-f]{2}))/g, (_, hex: string | undefined) =>
    hex === undefined ? "\\" : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  take(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new Error("the stream is cut off");
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  unsigned(bytes: 1 | 2 | 4): number {
    return this.take(bytes).readUIntLE(0, bytes);
  }

  u64(): number {
    const value = this.take(8).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error("a number that no trace has");
    return Number(value);
  }

  string(): string {
    const end = this.#bytes.indexOf(0, this.at);
    if (end === -1) throw new Error("a text without an end");
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(end - this.at));
    this.take(1);
    return text;
  }
}
