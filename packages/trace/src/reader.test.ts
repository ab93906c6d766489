import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chainHash, FIRST_HASH, hashSuffix } from "./chain.ts";
import type { DamageKind } from "./damage.ts";
import type { TraceLimits, VerifyResult } from "./reader.ts";
import { verifyTrace } from "./reader.ts";
import { anyEvent } from "./testing/event-arbitrary.ts";
import { TraceBuilder, testHeader } from "./testing/trace-builder.ts";

function build(): TraceBuilder {
  const trace = new TraceBuilder(testHeader({ parameters: {} }));
  trace.add({ type: "gdb.packet", connection: 1, data: "g\xff" }, { type: "gdb.interrupt", connection: 1 });
  return trace.seal();
}

const join = (lines: readonly string[]) => Buffer.from(lines.join(""));

function damageOf(result: VerifyResult) {
  return result.status === "damaged" ? { kind: result.kind, at: result.at, events: result.events.length } : "intact";
}

async function expectDamage(lines: readonly string[], kind: DamageKind, seq: number, limits: TraceLimits = {}) {
  const byte = join(lines.slice(0, seq)).length;
  expect(damageOf(await verifyTrace(join(lines), limits))).toEqual({
    kind,
    at: { byte, line: seq + 1, seq },
    events: seq,
  });
}

describe("an intact trace", () => {
  it("gives its events and its seal", async () => {
    const trace = build();
    const result = await trace.verify();
    expect(result).toMatchObject({ status: "intact", seal: trace.expectedSeal, digest: trace.expectedSeal.digest });
    expect(result.events.map(({ type }) => type)).toEqual([
      "trace.opened",
      "gdb.packet",
      "gdb.interrupt",
      "trace.sealed",
    ]);
  });

  it("may be read while it is not sealed yet", async () => {
    const trace = new TraceBuilder();
    expect(await trace.verify()).toMatchObject({
      status: "intact",
      seal: undefined,
      digest: trace.expectedSeal.digest,
    });
  });

  it("reads the same however its bytes arrive", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 8 }), fc.integer({ min: 1, max: 64 }), async (events, size) => {
        const trace = new TraceBuilder();
        trace.add(...events);
        const { bytes } = trace.seal();
        async function* pieces() {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        }
        const whole = await verifyTrace(bytes);
        expect(whole.status).toBe("intact");
        expect(await verifyTrace(pieces())).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a damaged trace", () => {
  it("is known by its end when it is cut off at any byte", async () => {
    const { bytes, lines } = build();
    const ends = lines.map((_, index) => join(lines.slice(0, index + 1)).length);
    for (let length = 0; length < bytes.length; length += 1) {
      const result = await verifyTrace(bytes.subarray(0, length));
      const whole = ends.filter((end) => end <= length).length;
      if (length === 0) expect(damageOf(result)).toMatchObject({ kind: "empty" });
      // Whole lines only: nothing tells that more were there, but the seal is missing.
      else if (ends.includes(length)) expect(result).toMatchObject({ status: "intact", seal: undefined });
      else
        expect(damageOf(result)).toEqual({
          kind: "torn_line",
          at: { byte: ends[whole - 1] ?? 0, line: whole + 1, seq: whole },
          events: whole,
        });
    }
  });

  it("is known when any single byte of it is another", async () => {
    const { bytes } = build();
    for (let at = 0; at < bytes.length; at += 1) {
      for (const flip of [0x01, 0x20, 0x80]) {
        const edited = Buffer.from(bytes);
        edited.writeUInt8(edited.readUInt8(at) ^ flip, at);
        expect((await verifyTrace(edited)).status, `byte ${at} ^ ${flip}`).toBe("damaged");
      }
    }
  });

  it("is known when a byte is inserted or taken out anywhere", async () => {
    const { bytes } = build();
    for (let at = 0; at < bytes.length; at += 1) {
      const without = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      const withMore = Buffer.concat([bytes.subarray(0, at), Buffer.from(" "), bytes.subarray(at)]);
      expect((await verifyTrace(without)).status, `without byte ${at}`).toBe("damaged");
      expect((await verifyTrace(withMore)).status, `space at ${at}`).toBe("damaged");
    }
  });

  it("is known by the place where lines are doubled, swapped or missing", async () => {
    const [a = "", b = "", c = "", d = ""] = build().lines;
    await expectDamage([a, b, b, c, d], "wrong_hash", 2);
    await expectDamage([a, c, b, d], "wrong_hash", 1);
    await expectDamage([a, c, d], "wrong_hash", 1);
    await expectDamage([b, c, d], "wrong_hash", 0);
  });

  it("is known when it was chained anew with a gap, a repetition, or time running backwards", async () => {
    const gapped = new TraceBuilder();
    gapped.addBody('{"seq":2,"t":2,"type":"gdb.interrupt","connection":1');
    await expectDamage(gapped.lines, "wrong_sequence", 1);
    const early = new TraceBuilder();
    early.add({ type: "gdb.interrupt", connection: 1 });
    early.addBody('{"seq":2,"t":0.5,"type":"gdb.interrupt","connection":1');
    await expectDamage(early.lines, "time_backwards", 2);
  });

  it("is known when it has no opening, or two", async () => {
    const trace = build();
    const opening = trace.lines[0] ?? "";
    const again = new TraceBuilder(testHeader({ parameters: {} }));
    again.addBody(opening.slice(0, opening.indexOf(',"hash"')).replace('"seq":0,"t":0', '"seq":1,"t":1'));
    await expectDamage(again.lines, "second_opening", 1);
    const body = '{"seq":0,"t":0,"type":"gdb.interrupt","connection":1';
    await expectDamage([body + hashSuffix(chainHash(Buffer.from(FIRST_HASH + body)))], "no_opening", 0);
  });

  it("is known when something follows its seal", async () => {
    const trace = build();
    trace.add({ type: "gdb.interrupt", connection: 1 });
    await expectDamage(trace.lines, "after_seal", 4);
    expect(damageOf(await verifyTrace(Buffer.concat([build().bytes, Buffer.from("x")])))).toMatchObject({
      kind: "after_seal",
    });
  });

  it("is known when a line is no event, although it is rightly chained", async () => {
    for (const body of [
      '{"seq":1,"t":1,"type":"gdb.surprise"',
      '{"seq":1,"t":1,"type":"gdb.interrupt"',
      '{"seq":1,"t":1,"type":"gdb.interrupt","connection":1,"more":2',
      '{"seq":1,"t":1,"type":"gdb.interrupt","connection":"1"',
      '{"seq":1,"t":-1,"type":"gdb.interrupt","connection":1',
      "[1,2",
      "{{{",
    ]) {
      const trace = new TraceBuilder();
      trace.addBody(body);
      await expectDamage(trace.lines, "not_an_event", 1);
    }
  });

  it("of a newer version says to upgrade", async () => {
    const [opening = ""] = build().lines;
    const result = await verifyTrace(Buffer.from(opening.replace('"version":1', '"version":2,"novelty":{}')));
    expect(result).toMatchObject({
      status: "damaged",
      kind: "future_version",
      why: expect.stringContaining("upgrade Ringside"),
    });
  });

  it("is refused beyond the limits of bytes, events and line length", async () => {
    const { lines, bytes } = build();
    await expectDamage(lines, "too_many_bytes", 3, { bytesMax: bytes.length - 1 });
    await expectDamage(lines, "too_many_events", 3, { eventsMax: 3 });
    await expectDamage(lines, "line_too_long", 0, { lineBytesMax: 50 });
    expect((await verifyTrace(bytes, { bytesMax: bytes.length, eventsMax: 4 })).status).toBe("intact");
  });

  it("that never ends is not read to its end", async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 1;
        yield Buffer.alloc(1_000, "x");
      }
    }
    expect(damageOf(await verifyTrace(endless(), { bytesMax: 10_000 }))).toMatchObject({ kind: "too_many_bytes" });
    expect(given).toBe(11);
  });

  it("of random bytes is damaged and nothing worse", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect((await verifyTrace(bytes)).status).toBe("damaged");
      }),
    );
  });
});
