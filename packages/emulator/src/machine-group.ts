import { CPU_PERCENT_DEFAULT } from "@ringside/shared";
import { CPU_PERIOD_MS, CPU_QUOTA_MIN_US, GROUP_MEMORY_BASE_MIB, GROUP_PROCESSES_MAX } from "./limits.ts";

/** What one machine may take of the host: its QEMU and the jail around it. */
export interface GroupLimits {
  /** Of one core, over time: a burst shorter than the period is not held back. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly pidsMax: number;
}

/** One machine's share of the host. Groups are made before the process and removed after it. */
export interface MachineGroup {
  /**
   * Puts a process in. It must have no children yet, as those would stay outside: the machine guard waits for it.
   * @throws RingsideError `internal` when the system refuses
   */
  add(pid: number): Promise<void>;
  /** Changes the limits of a machine that runs, for example when it is taken from the pool. */
  set(limits: GroupLimits): Promise<void>;
  /** CPU seconds used so far by all that was ever in the group. */
  cpuSeconds(): Promise<number>;
  /**
   * Removes the group once it is empty; it kills nobody. Removing one that is gone is nothing.
   * @throws RingsideError `internal` when a process is still in it after a while
   */
  remove(): Promise<void>;
}

/** The limits of a machine with `memoryMib` of guest memory: room for QEMU itself is added. */
export function machineLimits(memoryMib: number, cpuPercent: number = CPU_PERCENT_DEFAULT): GroupLimits {
  const memoryBytes = (memoryMib + GROUP_MEMORY_BASE_MIB) * 1024 * 1024;
  return { cpuPercent, memoryBytes, pidsMax: GROUP_PROCESSES_MAX };
}

/** CPU time that a group gets in each CPU_PERIOD_MS. */
export const cpuQuotaUs = ({ cpuPercent }: GroupLimits): number =>
  Math.max(CPU_QUOTA_MIN_US, Math.round(CPU_PERIOD_MS * 10 * cpuPercent));

/** A machine's weight among machines, in percent of an ordinary one's: who may have more weighs more. */
export const cpuWeightPercent = ({ cpuPercent }: GroupLimits): number => (100 * cpuPercent) / CPU_PERCENT_DEFAULT;
