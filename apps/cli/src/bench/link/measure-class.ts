import type { NetConnectOpts } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { readySession } from "../place.ts";
import { StubClient } from "../stub-client.ts";
import { type BenchResult, quantile, result } from "../suite.ts";
import type { WayOptions } from "./path.ts";

export const CLASS = 30;
const STEPS = 120;
/** A student who keeps Enter pressed steps thirty times a second. */
const STEP_EVERY_MS = 33;
const ADDED_MS_MAX = 10;

/** A class that single-steps at once: how much longer a step takes than with nothing between its client and its stub. */
export async function measureClass({ place, direct }: WayOptions): Promise<BenchResult[]> {
  const students = place.students.slice(0, CLASS);
  const sessions = await Promise.all(students.map(({ api }) => readySession(api)));
  await using machines = new AsyncDisposableStack();
  const stubs: NetConnectOpts[] = [];
  for (const { parameters } of sessions) {
    stubs.push({ path: machines.use(await direct.start(parameters)).stubPath });
  }
  const straight = await stepAll(stubs);
  const entries = await Promise.all(students.map(({ api }, n) => api.tcpEntry(sessions[n]?.id ?? "")));
  const through = await stepAll(entries.map(({ host, port }) => ({ host, port })));
  await Promise.all(students.map(({ api }, n) => api.stopSession(sessions[n]?.id ?? "")));
  const figures = (ms: readonly number[]) =>
    `p50 ${quantile(ms, 0.5).toFixed(2)}, p99 ${quantile(ms, 0.99).toFixed(2)}, most ${Math.max(...ms).toFixed(1)} ms`;
  return [
    result("link", {
      name: `${CLASS} sessions single-stepping: added latency, p99`,
      value: quantile(through, 0.99) - quantile(straight, 0.99),
      unit: "ms",
      target: { atMost: ADDED_MS_MAX },
      how:
        `scripted clients, ${STEPS} steps each, one every ${STEP_EVERY_MS} ms; ` +
        `TCP entry: ${figures(through)}; straight to ${CLASS} machines like them: ${figures(straight)}`,
    }),
  ];
}

/** Steps in all of them at once; how long each step took, in ms. */
async function stepAll(stubs: readonly NetConnectOpts[]): Promise<number[]> {
  const clients = await Promise.all(stubs.map((to) => StubClient.connect(to)));
  try {
    const times = await Promise.all(
      clients.map(async (client, n) => {
        await sleep((n * STEP_EVERY_MS) / clients.length);
        const own: number[] = [];
        const begin = performance.now();
        for (let step = 0; step < STEPS; step++) {
          await sleep(Math.max(0, begin + step * STEP_EVERY_MS - performance.now()));
          const startedAt = performance.now();
          await client.ask("s");
          own.push(performance.now() - startedAt);
        }
        return own;
      }),
    );
    return times.flat();
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
}
