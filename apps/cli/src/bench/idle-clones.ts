import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { anonymousMib, machinePids, type Place, readySession } from "./place.ts";
import { type BenchResult, median, result, spread } from "./suite.ts";

export const IDLE_CLONES = 200;
const STARTED_AT_ONCE = 10;
const SETTLE_MS = 5_000;
const WATCHED_MS = 10_000;
const MIB_MAX = 15;
const CORES_MAX = 0.1;
/** Linux counts process time in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Many machines at their prompts: what each has in memory of its own, and what all use of the processor. */
export async function measureIdleClones(place: Place): Promise<BenchResult[]> {
  const students = place.students.slice(0, IDLE_CLONES);
  const waiting = [...students];
  const started: { readonly session: string; readonly api: Place["students"][number]["api"] }[] = [];
  const startSome = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      started.push({ session: (await readySession(next.api)).id, api: next.api });
    }
  };
  await Promise.all(Array.from({ length: STARTED_AT_ONCE }, startSome));
  await sleep(SETTLE_MS);
  const pids = await machinePids(place.temporary);
  const machines = started.map(({ session }) => pids.get(session) ?? -1);
  const before = await processorSeconds(machines);
  await sleep(WATCHED_MS);
  const cores = ((await processorSeconds(machines)) - before) / (WATCHED_MS / 1_000);
  const memory = await Promise.all(machines.map(anonymousMib));
  for (const { api, session } of started) await api.stopSession(session);
  const how =
    `${machines.length} sessions at their prompts; Anonymous of smaps_rollup: ${spread(memory, 1)} MiB; ` +
    `user and system time of all their QEMUs over ${WATCHED_MS / 1_000} s`;
  return [
    result("engine", {
      name: "own memory of an idle clone",
      value: median(memory),
      unit: "MiB",
      target: { atMost: MIB_MAX },
      how,
    }),
    result("engine", {
      name: `${machines.length} idle clones`,
      value: cores,
      unit: "cores",
      target: { atMost: CORES_MAX },
      how,
    }),
  ];
}

async function processorSeconds(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map(async (pid) => secondsOf(await readFile(`/proc/${pid}/stat`, "utf8"))));
  return each.reduce((sum, seconds) => sum + seconds, 0);
}

/** utime and stime: fields 14 and 15; the name before them may hold anything but ends with the last parenthesis. */
function secondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
