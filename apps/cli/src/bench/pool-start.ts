import { setTimeout as sleep } from "node:timers/promises";
import { type Place, poolFull, readySession } from "./place.ts";
import { type BenchResult, quantile, result, spread } from "./suite.ts";

const ROUNDS = 40;
/** A runner that has just begun has not been through all of its code: these rounds do not count. */
const WARM_UP_ROUNDS = 5;
/** Prewarmed machines on this box: before each start all are there, so that no refill is under way. */
export const POOL = 4;
/** The runner announces its pool every 2.5 s; what follows a stop is over by then. */
const PAUSE_MS = 300;
const P50_MS_MAX = 5;
const P99_MS_MAX = 20;

/** Starts one after the other on an idle box, each from the pool: the runner's own clock, job taken to stub ready. */
export async function measurePoolStart(place: Place, signal: AbortSignal): Promise<BenchResult[]> {
  const [student] = place.students;
  if (!student) return [];
  const pool: number[] = [];
  const others: string[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    await sleep(PAUSE_MS);
    await poolFull(place, POOL, signal);
    const session = await readySession(student.api);
    if (round < WARM_UP_ROUNDS) {
      await student.api.stopSession(session.id);
      continue;
    }
    if (session.how === "pool" && session.startMs !== null) pool.push(session.startMs);
    else others.push(session.how ?? "unknown");
    await student.api.stopSession(session.id);
  }
  const how =
    `${ROUNDS} sessions one after the other on an idle box after ${WARM_UP_ROUNDS} to warm up, ${pool.length} of them from the pool; startMs of the session: from the ` +
    `job taken to state loaded, stub open and machine announced; ${spread(pool, 1)} ms`;
  const ms = (name: string, q: number, atMost: number) =>
    result("engine", { name, value: quantile(pool, q), unit: "ms", target: { atMost }, how });
  return [
    ms("start from the pool, p50", 0.5, P50_MS_MAX),
    ms("start from the pool, p99", 0.99, P99_MS_MAX),
    result("engine", {
      name: "starts that found no prewarmed machine",
      value: others.length,
      unit: "",
      how,
    }),
  ];
}
