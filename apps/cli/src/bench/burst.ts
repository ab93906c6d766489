import { setTimeout as sleep } from "node:timers/promises";
import { stopInListen } from "./listen-stop.ts";
import { type Place, readySession } from "./place.ts";
import { type BenchResult, quantile, result } from "./suite.ts";

export const BURST_SESSIONS = 100;
const ALL_MS_MAX = 8_000;
const P50_MS_MAX = 4_000;
const PROBE_PAUSE_MS = 20;
const PROBE_P99_MS_MAX = 100;

/** A class presses Start in the same second, and each student goes on to their own breakpoint; meanwhile somebody else uses the api. */
export async function measureBurst(place: Place, signal: AbortSignal): Promise<BenchResult[]> {
  const [bystander, ...students] = place.students.slice(0, BURST_SESSIONS + 1);
  if (!bystander) return [];
  const over = new AbortController();
  const probing = probe(bystander.api, over.signal);
  const startedAt = performance.now();
  const runs = await Promise.all(
    students.map(async ({ api }) => {
      const session = await readySession(api);
      await stopInListen(place, api, session.id, signal);
      return { api, session, ms: performance.now() - startedAt };
    }),
  );
  over.abort();
  const probes = await probing;
  await Promise.all(runs.map(({ api, session }) => api.stopSession(session.id)));
  const stops = runs.map(({ ms }) => ms);
  const ways = Object.entries(Object.groupBy(runs, ({ session }) => session.how ?? "unknown")).map(
    ([way, some]) => `${some?.length} ${way}`,
  );
  const how =
    `${students.length} students at once, each: POST, wait, attach over TCP, breakpoint, continue, replyhi, stop; ` +
    `machines by way: ${ways.join(", ")}; the clients run on the same cores; ` +
    `bystander: GET /v1/me and /v1/sessions every ${PROBE_PAUSE_MS} ms, ${probes.length} calls`;
  const figure = (name: string, value: number, atMost: number) =>
    result("engine", { name, value, unit: "ms", target: { atMost }, how });
  return [
    figure(`${students.length} sessions at once: the last stop`, Math.max(...stops), ALL_MS_MAX),
    figure(`${students.length} sessions at once: stop, p50`, quantile(stops, 0.5), P50_MS_MAX),
    figure("other calls meanwhile, p99", quantile(probes, 0.99), PROBE_P99_MS_MAX),
  ];
}

async function probe(api: Place["students"][number]["api"], over: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; !over.aborted; n++) {
    const askedAt = performance.now();
    await (n % 2 === 0 ? api.me() : api.sessions({ state: "live" }));
    times.push(performance.now() - askedAt);
    await sleep(PROBE_PAUSE_MS);
  }
  return times;
}
