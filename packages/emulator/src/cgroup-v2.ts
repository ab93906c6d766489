import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { addProcess, codeOf, type GroupSetting, makeGroup } from "./cgroup-folder.ts";
import { CPU_PERIOD_MS, GROUP_MOVE_ROUNDS_MAX, MACHINES_WEIGHT_PERCENT } from "./limits.ts";
import { cpuQuotaUs, cpuWeightPercent, type GroupLimits } from "./machine-group.ts";

/**
 * Version 2's words for our limits: one folder with all controllers. A group has either processes or children with
 * controllers, so our own processes move aside into a group beside the machines': that is what systemd's
 * `Delegate=yes` allows.
 */
const NEEDED = ["cpu", "memory", "pids"] as const;
/** Where the services are once machines have groups. */
const SERVICES = "ringside-services";

/** What a group weighs by default. */
const WEIGHT = 100;
const weight = (percent: number): string => String(Math.max(1, Math.round((WEIGHT * percent) / 100)));

const wordsOf = async (folder: string, file: string): Promise<readonly string[]> =>
  (await readFile(join(folder, file), "utf8")).split(/\s+/).filter((word) => word !== "");

/** A process that has ended meanwhile cannot be moved, and need not be. */
async function moveProcess(folder: string, pid: number): Promise<void> {
  await addProcess(folder, pid).catch((error) => {
    if (!(error instanceof RingsideError && codeOf(error.cause) === "ESRCH")) throw error;
  });
}

async function moveAside(base: string): Promise<void> {
  const aside = join(base, SERVICES);
  await makeGroup(aside);
  // Whoever forks just now leaves a child behind: look again until there is none.
  for (let round = 0; round < GROUP_MOVE_ROUNDS_MAX; round += 1) {
    const pids = await wordsOf(base, "cgroup.procs");
    if (pids.length === 0) return;
    for (const pid of pids) await moveProcess(aside, Number(pid));
  }
}

/** Lets a group's children have controllers: its own processes, where that is in the way, move aside. */
async function enableControllers(folder: string, controllers: readonly string[]): Promise<void> {
  const enabled = await wordsOf(folder, "cgroup.subtree_control");
  if (controllers.every((name) => enabled.includes(name))) return;
  const path = join(folder, "cgroup.subtree_control");
  const words = controllers.map((name) => `+${name}`).join(" ");
  await writeFile(path, words).catch(async (error) => {
    if (codeOf(error) !== "EBUSY") throw error;
    await moveAside(folder);
    await writeFile(path, words);
  });
}

/** True where version 2 has the controllers that we need. */
export async function hasControllersV2(own: string): Promise<boolean> {
  const there = await wordsOf(baseOf(own), "cgroup.controllers").catch((): readonly string[] => []);
  return NEEDED.every((name) => there.includes(name));
}

/** The group that holds us and the machines: a service that is started again is born among the services. */
const baseOf = (own: string): string => (basename(own) === SERVICES ? dirname(own) : own);

/** Makes the group `name` for all machines, beside our own processes. Gives its folder. */
export async function makeParentV2(own: string, name: string): Promise<string> {
  const base = baseOf(own);
  await enableControllers(base, NEEDED);
  const parent = join(base, name);
  await makeGroup(parent);
  await enableControllers(parent, NEEDED);
  return parent;
}

export const parentSettingsV2 = (folder: string): readonly GroupSetting[] => [
  { folder, file: "cpu.weight", value: weight(MACHINES_WEIGHT_PERCENT) },
];

export function machineSettingsV2(folder: string, limits: GroupLimits): readonly GroupSetting[] {
  const quota = cpuQuotaUs(limits);
  return [
    // The burst is never more than the quota: none while that changes.
    { folder, file: "cpu.max.burst", value: "0", optional: true },
    { folder, file: "cpu.max", value: `${quota} ${CPU_PERIOD_MS * 1000}` },
    { folder, file: "cpu.max.burst", value: String(quota), optional: true },
    { folder, file: "cpu.weight", value: weight(cpuWeightPercent(limits)) },
    { folder, file: "memory.swap.max", value: "0", optional: true },
    { folder, file: "memory.max", value: String(limits.memoryBytes) },
    { folder, file: "memory.oom.group", value: "1", optional: true },
    { folder, file: "pids.max", value: String(limits.pidsMax) },
  ];
}

export async function cpuSecondsV2(folder: string): Promise<number> {
  const text = await readFile(join(folder, "cpu.stat"), "utf8");
  return Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / 1e6;
}
