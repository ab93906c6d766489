import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CONSOLE_GATHER_BYTES, CONSOLE_GATHER_MS } from "../limits.ts";
import { Gatherer } from "./gatherer.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("bytes that come one by one go on together, in order, after a moment", () => {
  const taken: string[] = [];
  const gatherer = new Gatherer((bytes) => taken.push(bytes.toString("latin1")));
  for (const byte of "MenuOS>>") gatherer.push(Buffer.from(byte));
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(CONSOLE_GATHER_MS);
  expect(taken).toEqual(["MenuOS>>"]);
});

test("a flood is handed on at once, and never held above the bound", () => {
  const taken: number[] = [];
  const gatherer = new Gatherer((bytes) => taken.push(bytes.length));
  for (let i = 0; i < 3; i++) gatherer.push(Buffer.alloc(CONSOLE_GATHER_BYTES - 1));
  gatherer.flush();
  expect(taken.reduce((sum, bytes) => sum + bytes, 0)).toBe(3 * (CONSOLE_GATHER_BYTES - 1));
  expect(Math.max(...taken)).toBeLessThan(2 * CONSOLE_GATHER_BYTES);
});

test("no byte is lost, doubled or moved, whatever the pieces and pauses", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.boolean()), { maxLength: 50 }), (steps) => {
      const taken: Buffer[] = [];
      const gatherer = new Gatherer((bytes) => taken.push(bytes));
      for (const [piece, pause] of steps) {
        gatherer.push(Buffer.from(piece));
        if (pause) vi.advanceTimersByTime(CONSOLE_GATHER_MS);
      }
      gatherer.flush();
      expect(Buffer.concat(taken)).toEqual(Buffer.concat(steps.map(([piece]) => Buffer.from(piece))));
      expect(vi.getTimerCount()).toBe(0);
    }),
  );
});
