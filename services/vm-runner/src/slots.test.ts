import fc from "fast-check";
import { expect, test } from "vitest";
import { Slots } from "./slots.ts";

test("a slot is never taken twice, and there are never more than the total", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean(), { maxLength: 50 }), (total, takes) => {
      const slots = new Slots(total);
      const taken: number[] = [];
      for (const take of takes) {
        const slot = take ? slots.take() : undefined;
        if (slot !== undefined && slot !== null) {
          expect(taken).not.toContain(slot);
          expect(slot >= 1 && slot <= total).toBe(true);
          taken.push(slot);
        }
        if (slot === null) expect(taken).toHaveLength(total);
        if (!take && taken.length > 0) slots.giveBack(taken.pop() ?? 0);
        expect(slots.free).toBe(total - taken.length);
      }
    }),
  );
});

test("whoever waits for a slot hears of one that is given back, and of an abort", async () => {
  const slots = new Slots(1);
  const slot = slots.take();
  const waiting = slots.changed(60_000, new AbortController().signal);
  slots.giveBack(slot ?? 0);
  await waiting;
  expect(slots.take()).toBe(1);
  const abort = new AbortController();
  const other = slots.changed(60_000, abort.signal);
  abort.abort();
  await other;
  await slots.changed(1, new AbortController().signal);
  expect(slots.free).toBe(0);
});
