import { setTimeout as sleep } from "node:timers/promises";
import { startQemuByHand } from "../processes/qemu-by-hand.ts";
import { anonymousMib, machinePids, type Place, readySession } from "./place.ts";
import { StubClient } from "./stub-client.ts";
import { type BenchResult, median, result, spread } from "./suite.ts";

const CLONES = 4;
const IDLE_MS = 3_000;
const CLONE_TO_COLD_MAX = 0.5;

/** Memory of its own that an idle machine takes: clones of a template against a machine booted by hand. */
export async function measureIdleMemory(place: Place): Promise<BenchResult[]> {
  const students = place.students.slice(0, CLONES);
  const sessions = await Promise.all(students.map(({ api }) => readySession(api)));
  await using qemu = await startQemuByHand(place.image);
  {
    using stub = await StubClient.connect(qemu.stub);
    // The stub answers a detach with OK and lets the machine run.
    await stub.ask("D");
  }
  await qemu.shows(place.image.manifest.prompt);
  await sleep(IDLE_MS);
  const pids = await machinePids(place.temporary);
  const clones = await Promise.all(sessions.map((session) => anonymousMib(pids.get(session.id) ?? -1)));
  const cold = await anonymousMib(qemu.child.pid);
  await Promise.all(sessions.map((session, n) => students[n]?.api.stopSession(session.id)));
  const how = `Anonymous of smaps_rollup after ${IDLE_MS / 1000} s idle; clones: ${spread(clones, 1)} MiB; by hand: ${cold.toFixed(1)} MiB`;
  return [
    result("main", { name: "own memory of an idle clone", value: median(clones), unit: "MiB", how }),
    result("main", { name: "own memory of a machine booted by hand", value: cold, unit: "MiB", how }),
    result("main", {
      name: "idle memory: clone / cold boot",
      value: median(clones) / cold,
      unit: "x",
      target: { atMost: CLONE_TO_COLD_MAX },
      how,
    }),
  ];
}
