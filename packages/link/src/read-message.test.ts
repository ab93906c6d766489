import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, FrameError } from "./frame.ts";
import { MESSAGE_BYTES_MAX, MESSAGE_HEAD_BYTES_MAX, NEAR_MESSAGE_BYTES_MAX, PAGE_BYTES } from "./limits.ts";
import type { FarMessage, NearMessage, PageHead } from "./messages.ts";
import { PageReceiver } from "./page-receiver.ts";
import { readFar, readNear } from "./read-message.ts";

const payload = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)), maxLength: 40 });
const payloads = fc.array(payload, { maxLength: 4 });
const id = fc.integer({ min: 1, max: 1_000 });
const pageAddress = fc.bigInt({ min: 0n, max: (1n << 52n) - 1n }).map((n) => (n << 12n).toString(16));

const back = fc.record({ name: fc.nat(), took: fc.integer({ min: 1, max: 63 }) });
const hexPairs = fc.constantFrom("00", "0102030405060708");

const near: fc.Arbitrary<NearMessage> = fc.oneof(
  fc.record({
    type: fc.constant("attach" as const),
    id,
    again: fc.option(
      fc.record(
        { inserted: payloads, awaits: fc.option(payload), back: fc.array(back, { maxLength: 2 }) },
        { requiredKeys: ["inserted", "awaits"] },
      ),
    ),
  }),
  fc.record(
    {
      ...{ type: fc.constant("packets" as const), id, noted: payloads, first: payloads, last: payload },
      ahead: fc.record({ name: fc.nat(), steps: fc.integer({ min: 2, max: 64 }) }),
    },
    { requiredKeys: ["type", "id", "noted", "first", "last"] },
  ),
  fc.tuple(back, payloads).map(([one, noted]) => ({ type: "back" as const, ...one, noted })),
  fc.record({
    type: fc.constant("read" as const),
    id,
    noted: payloads,
    pages: fc.array(pageAddress, { minLength: 1, maxLength: 4 }),
  }),
  fc.constant({ type: "interrupt" as const }),
  fc.record({ type: fc.constant("noted" as const), noted: fc.array(payload, { minLength: 1, maxLength: 4 }) }),
  fc.record({ type: fc.constant("left" as const), noted: payloads }),
);

const pages: fc.Arbitrary<readonly PageHead[]> = fc.array(
  fc.record({ as: fc.constant("full" as const), at: pageAddress }),
  { maxLength: 3 },
);
const bundle = fc.record({ registers: fc.option(fc.constant("00ff")), threads: fc.option(fc.constant("m01")), pages });
const ahead = fc.record({
  registers: fc.constant("00ff"),
  steps: fc.array(
    fc.record({
      stop: payload,
      registers: fc.array(fc.tuple(fc.nat(255), hexPairs), { maxLength: 3 }),
      changes: fc.array(fc.tuple(fc.constantFrom("0", "ffff888000001ff8"), hexPairs, hexPairs), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});
const far = fc.oneof(
  fc.record({
    type: fc.constant("attached" as const),
    id,
    stop: payload,
    features: fc.dictionary(fc.string({ maxLength: 20 }), fc.string(), { noNullPrototype: true, maxKeys: 3 }),
    bundle,
  }),
  fc.record(
    {
      type: fc.constant("answer" as const),
      id,
      payload,
      said: fc.array(fc.string(), { maxLength: 3 }),
      bundle: fc.option(bundle),
      ahead,
    },
    { requiredKeys: ["type", "id", "payload", "said", "bundle"] },
  ),
  fc.record({ type: fc.constant("pages" as const), id, pages, missing: fc.array(pageAddress, { maxLength: 3 }) }),
  fc.constant({ type: "changed" as const }),
);

/** Runs hostile bytes through both readers: nothing but FrameError may come of them. */
function readBoth(message: Buffer): void {
  for (const read of [readNear, readFar]) {
    try {
      const result = read(message);
      if ("bytes" in result) new PageReceiver().take([], result.bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  }
}

describe("messages", () => {
  it("of a near agent are read as they were sent", () => {
    fc.assert(
      fc.property(near, (message) => {
        expect(readNear(encodeFrame(message))).toEqual(message);
      }),
    );
  });

  it("of a cell are read as they were sent, with their pages", () => {
    fc.assert(
      fc.property(far, (sent) => {
        const heads = sent.type === "changed" ? [] : sent.type === "pages" ? sent.pages : (sent.bundle?.pages ?? []);
        const bytes = heads.map((_head, i) => Buffer.alloc(PAGE_BYTES, i + 1));
        const { message, bytes: read } = readFar(encodeFrame(sent, bytes));
        expect(message).toEqual(JSON.parse(JSON.stringify(sent)) as FarMessage);
        expect(Buffer.compare(read, Buffer.concat(bytes))).toBe(0);
      }),
    );
  });

  it("that are none are refused, and nothing else happens", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readBoth(Buffer.from(bytes))),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.jsonValue(), (head) => readBoth(encodeFrame(head))));
    fc.assert(
      fc.property(near, fc.nat(), fc.integer({ min: 0, max: 255 }), (message, at, value) => {
        const bytes = encodeFrame(message);
        bytes[at % bytes.length] = value;
        readBoth(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<readonly [string, Buffer]>([
    ["is empty", Buffer.alloc(0)],
    ["is cut", encodeFrame({ type: "interrupt" }).subarray(0, -1)],
    ["has a head of 4 GiB", Buffer.from("ffffffff7b7d", "hex")],
    ["is too long", Buffer.alloc(MESSAGE_BYTES_MAX + 1)],
    ["is nested a hundred thousand deep", deepFrame(100_000)],
    ["has pages", encodeFrame({ type: "interrupt" }, [Buffer.alloc(PAGE_BYTES)])],
    ["has one key too many", encodeFrame({ type: "interrupt", and: 1 })],
    ["has an id below 1", encodeFrame({ type: "attach", id: 0, again: null })],
    ["has an id that is no whole number", encodeFrame({ type: "attach", id: 1.5, again: null })],
    ["reads no page", encodeFrame({ type: "read", id: 1, noted: [], pages: [] })],
    ["reads 65 pages", encodeFrame({ type: "read", id: 1, noted: [], pages: Array(65).fill("1000") })],
    ["reads what is no page", encodeFrame({ type: "read", id: 1, noted: [], pages: ["1008"] })],
    [
      "has characters that are no bytes",
      encodeFrame({ type: "packets", id: 1, noted: [], first: [], last: "g\u0100" }),
    ],
    [
      "has a payload of 65 KiB",
      encodeFrame({ type: "packets", id: 1, noted: [], first: [], last: "m".repeat(66_560) }),
    ],
    ["wishes for 65 steps", encodeFrame(stepping({ name: 1, steps: 65 }))],
    ["wishes for one step ahead", encodeFrame(stepping({ name: 1, steps: 1 }))],
    ["goes back to before the first step", encodeFrame({ type: "back", name: 1, took: 0, noted: [] })],
    ["goes back by more steps than there may be", encodeFrame({ type: "back", name: 1, took: 64, noted: [] })],
    ["notes 513 packets", encodeFrame({ type: "noted", noted: Array(513).fill("g") })],
  ])("of a near agent: one that %s is refused", (_name, message) => {
    expect(() => readNear(message)).toThrow(FrameError);
  });

  it("longer than a peer takes are not made", () => {
    expect(() => encodeFrame({ text: "x".repeat(MESSAGE_HEAD_BYTES_MAX) })).toThrow(FrameError);
    expect(NEAR_MESSAGE_BYTES_MAX).toBeLessThan(MESSAGE_BYTES_MAX);
  });

  it("of a cell: bytes that do not fit the pages are refused", () => {
    const head = { type: "pages", id: 1, pages: [{ as: "full", at: "1000" }], missing: [] };
    expect(() => readFar(encodeFrame(head))).toThrow(FrameError);
    expect(() => readFar(encodeFrame(head, [Buffer.alloc(PAGE_BYTES + 1)]))).toThrow(FrameError);
  });
});

function stepping(ahead: object) {
  return { type: "packets", id: 1, noted: [], first: [], last: "vCont;s:1", ahead };
}

function deepFrame(depth: number): Buffer {
  const text = Buffer.from(`${"[".repeat(depth)}${"]".repeat(depth)}`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}
