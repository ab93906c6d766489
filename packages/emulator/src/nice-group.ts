import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { MACHINE_NICENESS_MIN } from "./limits.ts";
import type { MachineGroup } from "./machine-group.ts";
import { childrenOf } from "./processes.ts";

/** The kernel's unit of time in /proc, on every architecture that we know. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process, of its children that have ended, and of those that live. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (stat === null) return 0;
  // utime, stime, cutime and cstime: fields 11 to 14 after the name, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
  const below = await Promise.all((await childrenOf(pid)).map(cpuSecondsOf));
  return below.reduce((sum, seconds) => sum + seconds, own);
}

/**
 * Where no control group can be made: machines are only nicer than the services. Nothing keeps a busy guest from
 * taking a whole idle core, nor a QEMU that was taken over from taking memory up to its address space.
 */
export class NiceGroup implements MachineGroup {
  #pid: number | null = null;

  async add(pid: number): Promise<void> {
    this.#pid = pid;
    setPriority(pid, MACHINE_NICENESS_MIN);
  }

  async set(): Promise<void> {}

  async cpuSeconds(): Promise<number> {
    return this.#pid === null ? 0 : cpuSecondsOf(this.#pid);
  }

  async remove(): Promise<void> {}
}
