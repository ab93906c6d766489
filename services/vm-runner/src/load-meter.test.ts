import { expect, test } from "vitest";
import { LOAD_MACHINES_MAX } from "./limits.ts";
import { LoadMeter } from "./load-meter.ts";
import { weightOf } from "./machine-weights.ts";

test("a weight is what is a process's own, and its share of the rest", () => {
  const text = "Rss: 100 kB\nPss:          50 kB\nPss_Anon:      20 kB\nAnonymous:     30 kB\n";
  expect(weightOf(text)).toEqual({ privateBytes: 30 * 1024, sharedBytes: 30 * 1024 });
  expect(weightOf("")).toEqual({ privateBytes: 0, sharedBytes: 0 });
});

test("this process has weight and CPU, until it is not among the machines any more", async () => {
  let seconds = 1;
  const machine = { name: "me", pid: process.pid, group: { cpuSeconds: async () => seconds } };
  let machines = [machine];
  const meter = new LoadMeter(() => machines);
  await meter.sample();
  expect(meter.memory.privateBytes).toBeGreaterThan(1_000_000);
  expect(meter.cpuCores).toBe(0);
  seconds = 1_000;
  await meter.sample();
  expect(meter.cpuCores).toBeGreaterThan(1);
  machines = [];
  await meter.sample();
  expect([meter.memory.privateBytes, meter.cpuCores]).toEqual([0, 0]);
});

test("one round looks at some machines only, and all have their turn", async () => {
  const looked: number[] = [];
  const count = 2 * LOAD_MACHINES_MAX - 1;
  const machines = Array.from({ length: count }, (_, index) => ({
    ...{ name: String(index), pid: 999_999_999 },
    group: {
      async cpuSeconds() {
        looked.push(index);
        return 0;
      },
    },
  }));
  const meter = new LoadMeter(() => machines);
  await meter.sample();
  expect(looked).toHaveLength(LOAD_MACHINES_MAX);
  await meter.sample();
  expect(new Set(looked).size).toBe(count);
});
