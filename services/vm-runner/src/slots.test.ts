import fc from "fast-check";
import { expect, test } from "vitest";
import { type Slot, Slots } from "./slots.ts";

test("there are never more slots taken than there are, however often they are given back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean(), { maxLength: 50 }), (total, takes) => {
      const slots = new Slots(total);
      const taken: Slot[] = [];
      for (const take of takes) {
        const slot = take ? slots.take() : taken.pop();
        if (!take) {
          slot?.giveBack();
          slot?.giveBack();
        } else if (slot === null) expect(taken).toHaveLength(total);
        else if (slot !== undefined) taken.push(slot);
        expect(slots.free).toBe(total - taken.length);
      }
    }),
  );
});

test("whoever waits for a slot gets one that is given back, in order, before those who just take one", async () => {
  const slots = new Slots(1);
  const slot = slots.take();
  const [first, second] = [slots.wait(60_000), slots.wait(60_000)];
  slot?.giveBack();
  expect(slots.take()).toBeNull();
  (await first)?.giveBack();
  expect(slots.take()).toBeNull();
  (await second)?.giveBack();
  expect(slots.free).toBe(1);
});

test("a wait ends with nothing when its time is up or it is called off, and takes no slot then", async () => {
  const slots = new Slots(1);
  const slot = slots.take();
  const abort = new AbortController();
  const [short, called] = [slots.wait(1), slots.wait(60_000, abort.signal)];
  abort.abort();
  expect([await short, await called]).toEqual([null, null]);
  slot?.giveBack();
  expect(slots.free).toBe(1);
});

test("whoever watches hears of a free slot, and of an abort", async () => {
  const slots = new Slots(1);
  const slot = slots.take();
  const watching = slots.changed(60_000, new AbortController().signal);
  slot?.giveBack();
  await watching;
  slots.take();
  const abort = new AbortController();
  const other = slots.changed(60_000, abort.signal);
  abort.abort();
  await other;
  await slots.changed(1, new AbortController().signal);
  expect(slots.free).toBe(0);
});
