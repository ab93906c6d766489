import fc from "fast-check";
import { expect, test } from "vitest";
import { PACE_LOOK_MS, START_CPU_MS } from "./limits.ts";
import { StartPace } from "./start-pace.ts";

const CORES = 2;

/** A host whose processors are idle for a share of the time, and starts that come as fast as they may. */
function startsIn(ms: number, idlePercent: number): number {
  let nowMs = 1_000;
  const times = () => ({ idle: (CORES * nowMs * idlePercent) / 100, all: CORES * nowMs });
  const pace = new StartPace({ cores: CORES, times, nowMs: () => nowMs });
  let starts = 0;
  for (const until = nowMs + ms; nowMs < until; ) {
    const waitMs = pace.waitMs();
    if (waitMs === 0) {
      starts += 1;
      pace.started();
    }
    nowMs += Math.max(1, waitMs);
  }
  return starts;
}

test("a host with CPU to spare starts as fast as starts come", () => {
  expect(startsIn(1_000, 60)).toBe(1_000);
});

test("a busy host starts one for each time that a start takes of its processors", () => {
  const most = (CORES * 10_000) / START_CPU_MS;
  const starts = startsIn(10_000, 0);
  // Until it has looked for the first time it takes the host for idle.
  expect(starts).toBeLessThanOrEqual(most + PACE_LOOK_MS + 1);
  expect(starts).toBeGreaterThan(most * 0.9);
});

test("nobody waits longer than that time, however busy the host is", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ passed: fc.nat(80), idle: fc.nat(100) }), { maxLength: 50 }), (steps) => {
      let [nowMs, idle, all] = [0, 0, 0];
      const pace = new StartPace({ cores: 1, times: () => ({ idle, all }), nowMs: () => nowMs });
      let sinceMs = Number.POSITIVE_INFINITY;
      for (const step of steps) {
        [nowMs, all] = [nowMs + step.passed, all + step.passed];
        idle += (step.passed * step.idle) / 100;
        sinceMs += step.passed;
        const waitMs = pace.waitMs();
        if (sinceMs >= START_CPU_MS) expect(waitMs).toBe(0);
        if (waitMs > 0) expect(waitMs).toBeLessThanOrEqual(START_CPU_MS - sinceMs);
        else {
          pace.started();
          sinceMs = 0;
        }
      }
    }),
  );
});

test("the first start after a pause does not wait", () => {
  let nowMs = 0;
  const pace = new StartPace({ cores: CORES, times: () => ({ idle: 0, all: nowMs }), nowMs: () => nowMs });
  pace.started();
  nowMs = START_CPU_MS;
  expect(pace.waitMs()).toBe(0);
});
