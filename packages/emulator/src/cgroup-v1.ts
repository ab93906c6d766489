import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GroupSetting } from "./cgroup-folder.ts";
import type { Controller } from "./cgroup-mounts.ts";
import { CPU_PERIOD_MS, MACHINES_WEIGHT_PERCENT } from "./limits.ts";
import { cpuQuotaUs, cpuWeightPercent, type GroupLimits } from "./machine-group.ts";

/** Version 1's words for our limits: a folder for each controller. */
export type Folders = Readonly<Record<Controller, string>>;

/** What one process of ordinary niceness weighs, and a group by default. */
const SHARES = 1024;
const SHARES_MIN = 2;
const shares = (percent: number): string => String(Math.max(SHARES_MIN, Math.round((SHARES * percent) / 100)));

/** All machines together, against each process of ours. */
export const parentSettingsV1 = (folders: Folders): readonly GroupSetting[] => [
  { folder: folders.cpu, file: "cpu.shares", value: shares(MACHINES_WEIGHT_PERCENT) },
  // Old kernels count a group's children only where they are told to; new ones know nothing else.
  { folder: folders.memory, file: "memory.use_hierarchy", value: "1", optional: true },
];

export function machineSettingsV1(folders: Folders, limits: GroupLimits): readonly GroupSetting[] {
  const { cpu, memory, pids } = folders;
  const quota = String(cpuQuotaUs(limits));
  const bytes = String(limits.memoryBytes);
  // Memory with swap is never less than memory: when growing it has to go first, when shrinking last.
  const withSwap = { folder: memory, file: "memory.memsw.limit_in_bytes", value: bytes, optional: true };
  return [
    { folder: cpu, file: "cpu.cfs_burst_us", value: "0", optional: true },
    { folder: cpu, file: "cpu.cfs_period_us", value: String(CPU_PERIOD_MS * 1000) },
    { folder: cpu, file: "cpu.cfs_quota_us", value: quota },
    { folder: cpu, file: "cpu.cfs_burst_us", value: quota, optional: true },
    { folder: cpu, file: "cpu.shares", value: shares(cpuWeightPercent(limits)) },
    { folder: memory, file: "memory.swappiness", value: "0", optional: true },
    withSwap,
    { folder: memory, file: "memory.limit_in_bytes", value: bytes },
    withSwap,
    { folder: pids, file: "pids.max", value: String(limits.pidsMax) },
  ];
}

export async function cpuSecondsV1(folders: Folders): Promise<number> {
  return Number(await readFile(join(folders.cpuacct, "cpuacct.usage"), "utf8")) / 1e9;
}
