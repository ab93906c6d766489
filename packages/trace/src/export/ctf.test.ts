import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventSchema, type NewTraceEvent, type TraceEvent } from "../events.ts";
import { deriveFacts } from "../facts.ts";
import { NOTED_PACKET_CHARS_MAX } from "../limits.ts";
import { parseSymbols } from "../symbols.ts";
import { readCtfStream } from "../testing/ctf-reader.ts";
import { anyEvent } from "../testing/event-arbitrary.ts";
import { gReply } from "../testing/registers.ts";
import { TraceBuilder } from "../testing/trace-builder.ts";
import { EVENT_CLASSES } from "./ctf-layout.ts";
import { ctfMetadata } from "./ctf-metadata.ts";
import { ctfPackets } from "./ctf-stream.ts";
import type { ExportInput } from "./export-input.ts";

const SYMBOLS = parseSymbols("ffffffff81000000 T _stext\nffffffff81200bc0 T __sys_listen\n");
const LISTEN = 0xffffffff81200bc0n;
const SHA = "ab".repeat(32);
const BABELTRACE_MS = 60_000;

/** One of each kind that a recorder writes; `trace.opened` and `trace.sealed` come by themselves. */
const EACH: readonly NewTraceEvent[] = [
  { type: "trace.resumed", wall: "2026-03-02T08:00:01.000Z", cutBytes: 3 },
  { type: "machine.found", epoch: 1, qemu: 'QEMU "7.2"\n', from: "state", template: SHA },
  { type: "machine.gone", epoch: 1 },
  { type: "machine.hibernated", epoch: 1 },
  { type: "machine.saved", epoch: 1, as: "检查点" },
  { type: "machine.written", icount: 12, data: "P10=00" },
  { type: "recording.kept", epoch: 1, sha256: SHA, bytes: 9, template: SHA, whole: true },
  {
    type: "connection.opened",
    connection: 1,
    kind: "gdb",
    via: "link",
    user: "usr_00000000000000000000",
    role: "driver",
  },
  { type: "gdb.packet", connection: 1, data: "m\0\xff\\x" },
  { type: "gdb.reply", connection: 1, data: "OK" },
  { type: "gdb.interrupt", connection: 1 },
  { type: "gdb.refused", connection: 1, why: "\x1b]0;title\x07" },
  { type: "gdb.noted", connection: 1, packets: ["g", "mffff,1"] },
  { type: "answer.given", connection: 1, question: "q3", value: "128" },
  { type: "seat.taken", connection: 1 },
  { type: "machine.resumed", connection: 1, action: "range" },
  {
    type: "machine.stopped",
    reply: "T05",
    registers: gReply({ rip: LISTEN + 4n }),
    frames: ["1", "ffffffff81000000"],
    icount: 0,
    steps: 8,
  },
  { type: "machine.rewound", connection: 1, steps: 4, reply: "T05", registers: gReply({ rip: LISTEN }) },
  { type: "console.output", data: "MenuOS>>\r\n\x1b[31m" },
  { type: "console.dropped", bytes: 7 },
  { type: "console.input", connection: 1, data: "replyhi\r" },
  { type: "connection.closed", connection: 1, why: "client" },
];

async function inputOf(events: readonly NewTraceEvent[]): Promise<ExportInput> {
  const trace = new TraceBuilder();
  trace.add(...events);
  const result = await trace.seal().verify();
  expect(result.status).toBe("intact");
  const facts = deriveFacts({ events: result.events, symbols: SYMBOLS, functions: [] });
  return { events: result.events, facts, digest: trace.expectedSeal.digest };
}

const packetsOf = (input: ExportInput, packetBytes?: number) =>
  readCtfStream(Buffer.concat([...ctfPackets(input, packetBytes)]));

/** What babeltrace2 says of a trace, a line for each event. */
async function babeltraceOf(input: ExportInput, packetBytes?: number): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "rs-ctf-"));
  try {
    await writeFile(join(folder, "metadata"), ctfMetadata(input));
    await writeFile(join(folder, "stream"), Buffer.concat([...ctfPackets(input, packetBytes)]));
    const { stdout, stderr } = await promisify(execFile)("babeltrace2", ["--clock-gmt", "--clock-date", folder], {
      timeout: BABELTRACE_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(stderr).toBe("");
    return stdout.split("\n").slice(0, -1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const nameIn = (line: string) => / ([a-z]+\.[a-z]+): /.exec(line)?.[1];

describe("a trace in the Common Trace Format", () => {
  it("has a class for every kind of event, with every member", () => {
    const members = Object.fromEntries(EVENT_CLASSES.map(({ name, fields }) => [name, fields.map((one) => one.name)]));
    for (const { shape } of eventSchema.options) {
      const { seq: _, t: __, type, ...own } = shape;
      expect(members[type.value]?.filter((name) => name !== "pc" && name !== "place")).toEqual(Object.keys(own));
    }
    expect(EVENT_CLASSES).toHaveLength(eventSchema.options.length);
  });

  it("is read by babeltrace2, which names every event with its time and members", async () => {
    const input = await inputOf(EACH);
    const lines = await babeltraceOf(input);
    expect(lines.map(nameIn)).toEqual(input.events.map(({ type }) => type));
    expect(new Set(lines.map(nameIn)).size).toBe(EVENT_CLASSES.length);
    expect(lines[0]).toContain("[2026-03-02 08:00:00.000000000]");
    expect(lines[2]).toContain("[2026-03-02 08:00:00.002000000] (+0.001000000) machine.found: { seq = 2 }");
    const of = (name: string) => lines.find((line) => nameIn(line) === name) ?? "";
    expect(of("machine.saved")).toContain('as = "检查点"');
    expect(of("gdb.packet")).toContain(String.raw`data = "m\\x00\\xff\\\\x"`);
    expect(of("gdb.noted")).toContain('packets = [ [0] = "g", [1] = "mffff,1" ]');
    expect(of("machine.stopped")).toContain("icount = 0, steps = 8, misses = -1, pc = 0x0");
    expect(of("machine.rewound")).toContain('pc = 0xFFFFFFFF81200BC0, place = "__sys_listen"');
    expect(lines.join("")).not.toContain("\x1b");
  });

  it("is read by babeltrace2 whatever was recorded, in packets of any size", async () => {
    const packetBytes = fc.integer({ min: 1, max: 5_000 });
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 60 }), packetBytes, async (events, bytes) => {
        const input = await inputOf(events);
        const lines = await babeltraceOf(input, bytes);
        expect(lines.map(nameIn)).toEqual(input.events.map(({ type }) => type));
      }),
      { numRuns: 8 },
    );
  });

  it("keeps every member of every event, in packets within their bound", async () => {
    const packetBytes = fc.integer({ min: 1, max: 3_000 });
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 60 }), packetBytes, async (events, bytes) => {
        const input = await inputOf(events);
        const packets = packetsOf(input, bytes);
        const read = packets.flatMap((packet) => packet.events);
        expect(read.map(({ name, seq, time, fields }) => asEvent(name, seq, time, fields))).toEqual(
          input.events.map(withPlainFrames),
        );
        expect(packets.map(({ number }) => number)).toEqual(packets.map((_, index) => index));
        for (const packet of packets) {
          expect(packet.bytes <= bytes || packet.events.length === 1).toBe(true);
          expect([packet.begin, packet.end]).toEqual([packet.events[0]?.time, packet.events.at(-1)?.time]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("holds the largest events, times and dates that a reader lets through", async () => {
    const large = "\x7f".repeat(NOTED_PACKET_CHARS_MAX);
    const trace = new TraceBuilder();
    // By hand: no recorder writes so much into one event, but a reader takes lines of this length.
    const packets = JSON.stringify(Array.from({ length: 100 }, () => large));
    trace.addBody(`{"seq":1,"t":1e300,"type":"gdb.noted","connection":1,"packets":${packets}`);
    const { status, events } = await trace.verify();
    expect(status).toBe("intact");
    const input = { events: events.map((event) => far(event)), facts: [], digest: SHA };
    const [first, second] = packetsOf(input);
    expect(first?.events).toHaveLength(1);
    expect(second?.events[0]?.fields.packets).toEqual(Array(100).fill(large));
    const small = { ...input, events: [...input.events.slice(0, 1), { ...input.events[0], seq: 1, t: 1e300 }] };
    expect(await babeltraceOf(small as ExportInput)).toHaveLength(2);
  });

  it("never lets time run backwards, and writes nothing of no events", async () => {
    const input = await inputOf([{ type: "console.dropped", bytes: 1 }]);
    const events = input.events.map((event) => ({ ...event, t: 10 - event.seq }));
    const times = packetsOf({ ...input, events }).flatMap((packet) => packet.events.map(({ time }) => time));
    expect(times).toEqual([10_000, 10_000, 10_000]);
    expect([...ctfPackets({ ...input, events: [] })]).toEqual([]);
  });
});

function far(event: TraceEvent): TraceEvent {
  return event.type === "trace.opened" ? { ...event, wall: "9999-12-31T23:59:59Z" } : event;
}

/** What was left out is not there in an event: the fields have nothing, or an empty text, for it. */
function asEvent(name: string, seq: number, time: number, fields: Readonly<Record<string, unknown>>): unknown {
  const members = Object.entries(fields).filter(([member, value]) => {
    const optional = name === "machine.found" && (member === "from" || member === "template");
    return value !== undefined && member !== "pc" && member !== "place" && !(optional && value === "");
  });
  return { seq, t: time / 1_000, type: name, ...Object.fromEntries(members) };
}

/** Addresses are numbers in the stream: leading zeros are not kept. */
function withPlainFrames(event: TraceEvent): TraceEvent {
  if (event.type !== "machine.stopped") return event;
  return { ...event, frames: event.frames.map((hex) => BigInt(`0x${hex}`).toString(16)) };
}
