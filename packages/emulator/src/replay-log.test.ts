import fc from "fast-check";
import { expect, test } from "vitest";
import { scan } from "./replay-log.ts";

// Events by hand, as QEMU 7.2 writes them.
const header = Buffer.from("00e0200c0000000000000000", "hex");
const ran = (count: number) => Buffer.from([0, count >> 24, count >> 16, count >> 8, count]);
const interrupt = Buffer.of(1);
const typed = (text: string) => Buffer.concat([Buffer.from([7, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
const clock = (kind: 28 | 29) => Buffer.concat([Buffer.of(kind), Buffer.alloc(8, 1)]);
const [warpStart, realTime, accounted, end] = [Buffer.of(30), Buffer.of(36), Buffer.of(31), Buffer.of(39)];
/** A turn of the main loop, and one in which its timer moved the guest's clock. */
const turn = [realTime, clock(29), clock(28), clock(29)];
const moved = [realTime, clock(29), clock(29), clock(28)];

const logOf = (...events: readonly Buffer[]) => scan(Buffer.concat([header, ...events]));

test("a place is restless where the main loop moved the guest's clock, and only there", () => {
  const places = logOf(
    ...[ran(10), warpStart, clock(29), ...turn, accounted],
    ...[ran(5), warpStart, ...turn, ...moved, accounted, interrupt],
    ...[ran(7), typed("\0\u0001\u0002"), ...turn, end],
  );
  expect([...places]).toEqual([[15, { before: 14, interrupted: true }]]);
});

test("before a restless place it may stand within a row of instructions, or at an end that is at rest", () => {
  const places = logOf(ran(10), ...turn, ran(1), ...moved, ran(1), ...moved, interrupt, ran(1), ...moved, end);
  expect([...places]).toEqual([
    [11, { before: 10, interrupted: false }],
    [12, { before: 10, interrupted: true }],
    [13, { before: 10, interrupted: false }],
  ]);
});

test("what happens after an interrupt was taken, and before the first instruction, makes no place restless", () => {
  expect(logOf(...moved, ran(3), ...turn, interrupt, ...moved, ran(2), end).size).toBe(0);
});

test("a log of another version tells nothing, and no bytes make it fail or go on for ever", () => {
  expect(scan(Buffer.concat([Buffer.alloc(12, 1), ran(5), ...moved, end])).size).toBe(0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const places = scan(Buffer.concat([header, bytes]));
      expect(places.size).toBeLessThanOrEqual(bytes.length);
    }),
  );
});
