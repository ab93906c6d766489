import fc from "fast-check";
import { expect, test } from "vitest";
import { POOL_KIND_KEEP_MS, POOL_MEMORY_MS, POOL_WINDOW_MS } from "./limits.ts";
import { peakOf, poolTargets } from "./pool-demand.ts";

const NOW = 10 * POOL_MEMORY_MS;
const starts = fc
  .array(fc.integer({ min: NOW - 2 * POOL_MEMORY_MS, max: NOW }), { maxLength: 60 })
  .map((times) => times.toSorted((a, b) => a - b));
const kinds = fc
  .array(fc.record({ startsMs: starts, usedMs: fc.integer({ min: NOW - 2 * POOL_KIND_KEEP_MS, max: NOW }) }), {
    maxLength: 6,
  })
  .map((found) => found.map((kind, index) => ({ key: `kind-${index}`, ...kind })));
const size = fc.record({ min: fc.nat(5), max: fc.nat(40) });
const sum = (targets: ReadonlyMap<string, number>): number => [...targets.values()].reduce((a, b) => a + b, 0);

test("the peak is the most starts of any window of the last while", () => {
  fc.assert(
    fc.property(starts, (startsMs) => {
      const recent = startsMs.filter((at) => at >= NOW - POOL_MEMORY_MS);
      const inWindow = recent.map((end) => recent.filter((at) => at > end - POOL_WINDOW_MS && at <= end).length);
      expect(peakOf(startsMs, NOW)).toBe(Math.max(0, ...inWindow));
    }),
  );
});

test("there are never more than the most, and none of what nobody uses", () => {
  fc.assert(
    fc.property(kinds, size, (demand, bounds) => {
      const targets = poolTargets(demand, NOW, bounds);
      expect(sum(targets)).toBeLessThanOrEqual(bounds.max);
      for (const { key, usedMs } of demand) if (NOW - usedMs > POOL_KIND_KEEP_MS) expect(targets.get(key)).toBe(0);
    }),
  );
});

test("each kind in use has its minimum where there is room, and room is left only where all have what they wish", () => {
  fc.assert(
    fc.property(kinds, size, (demand, bounds) => {
      const targets = poolTargets(demand, NOW, bounds);
      const used = demand.filter(({ usedMs }) => NOW - usedMs <= POOL_KIND_KEEP_MS);
      const minimum = Math.min(bounds.min, bounds.max);
      if (used.length * minimum <= bounds.max) {
        for (const { key } of used) expect(targets.get(key)).toBeGreaterThanOrEqual(minimum);
      }
      if (sum(targets) === bounds.max) return;
      for (const { key, startsMs } of used) {
        expect(targets.get(key)).toBeGreaterThanOrEqual(Math.min(bounds.max, peakOf(startsMs, NOW)));
      }
    }),
  );
});

test("a burst of starts is remembered for a while, and then forgotten", () => {
  const burst = Array.from({ length: 8 }, (_, index) => NOW + 100 * index);
  const targetAt = (nowMs: number) =>
    poolTargets([{ key: "a", startsMs: burst, usedMs: NOW + 700 }], nowMs, { min: 2, max: 16 }).get("a");
  expect(targetAt(NOW + 1_000)).toBe(12);
  expect(targetAt(NOW + POOL_MEMORY_MS + 1_000)).toBe(2);
  expect(targetAt(NOW + POOL_KIND_KEEP_MS + 1_000)).toBe(0);
});
