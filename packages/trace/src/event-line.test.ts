import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventBody } from "./event-line.ts";
import { eventSchema, type NewTraceEvent, TRACE_VERSION } from "./events.ts";
import { EVENT_DATA_CHARS_MAX, LINE_BYTES_MAX } from "./limits.ts";
import { anyEvent } from "./testing/event-arbitrary.ts";
import { testHeader } from "./testing/trace-builder.ts";

const read = (event: NewTraceEvent) => eventSchema.parse(JSON.parse(`${eventBody(7, 1.5, event)}}`));
const wall = "2026-03-02T08:00:00.000Z";

describe("an event's line", () => {
  it("reads back as the event that was written, for every kind of event", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyEvent, (event) => {
        seen.add(event.type);
        expect(read(event)).toEqual({ seq: 7, t: 1.5, ...event });
      }),
      { numRuns: 2_000 },
    );
    const own: NewTraceEvent[] = [
      { type: "trace.opened", version: TRACE_VERSION, ...testHeader(), wall },
      { type: "trace.resumed", wall, cutBytes: 3 },
      { type: "trace.sealed", wall },
    ];
    for (const event of own) expect(read(event)).toEqual({ seq: 7, t: 1.5, ...event });
    expect([...seen, ...own.map(({ type }) => type)].sort()).toEqual(
      eventSchema.options.map((option) => option.shape.type.value).sort(),
    );
  });

  it("begins with number, time and type, as the format says", () => {
    expect(eventBody(3, 0.25, { type: "gdb.interrupt", connection: 2 })).toBe(
      '{"seq":3,"t":0.25,"type":"gdb.interrupt","connection":2',
    );
  });

  it("leaves out members that the format does not know", () => {
    const odd = { type: "gdb.interrupt", connection: 2, secret: 1 } as NewTraceEvent;
    expect(eventBody(0, 0, odd)).not.toContain("secret");
  });

  it.each<[string, NewTraceEvent]>([
    ["a character above one byte", { type: "gdb.packet", connection: 1, data: "\u0100" }],
    ["more bytes than an event holds", { type: "console.output", data: "x".repeat(EVENT_DATA_CHARS_MAX + 1) }],
    ["a reason that is too long", { type: "connection.closed", connection: 1, why: "x".repeat(101) }],
    ["connection 0 of a client", { type: "gdb.interrupt", connection: 0 }],
    ["a connection that is no whole number", { type: "gdb.interrupt", connection: 1.5 }],
    ["registers that are not hex", { type: "machine.stopped", reply: "S05", registers: "zz", frames: [] }],
    ["a frame that is no address", { type: "machine.stopped", reply: "S05", registers: "", frames: ["0x12"] }],
    ["an unknown event", { type: "other" } as unknown as NewTraceEvent],
  ])("refuses %s as the recorder's mistake", (_, event) => {
    expect(() => eventBody(0, 0, event)).toThrow(expect.objectContaining({ name: "AssertionError" }));
  });

  it("of the largest event is not longer than the reader takes", () => {
    const event: NewTraceEvent = { type: "console.output", data: "\0".repeat(EVENT_DATA_CHARS_MAX) };
    expect(Buffer.byteLength(eventBody(999_999, 99_999_999.999, event)) + 100).toBeLessThan(LINE_BYTES_MAX);
  });
});
