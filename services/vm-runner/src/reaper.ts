import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type MachineGroups, processesWithArgument } from "@ringside/emulator";
import { RingsideError } from "@ringside/shared";
import { REAP_KILL_TIMEOUT_MS, REAP_POLL_MS } from "./limits.ts";
import type { RunDirectory } from "./run-directory.ts";

/**
 * Ends all processes of a machine, by its name in their command lines.
 * @returns how many there were
 */
async function endProcesses(name: string): Promise<number> {
  const found = await processesWithArgument(name);
  for (const pid of found) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  const end = performance.now() + REAP_KILL_TIMEOUT_MS;
  while (found.length > 0 && (await processesWithArgument(name)).length > 0) {
    if (performance.now() > end) throw new RingsideError("internal", { message: `processes of ${name} do not end` });
    await sleep(REAP_POLL_MS);
  }
  return found.length;
}

export interface Reaped {
  readonly folders: number;
  readonly processes: number;
  readonly groups: number;
}

export interface ReapOptions {
  readonly directory: RunDirectory;
  readonly groups: MachineGroups;
  /** Tells for a machine's name whether this runner has it. */
  readonly isOurs: (name: string) => boolean;
  /** Sees what a machine leaves, before its folder is removed. */
  readonly rescue: (folder: string) => Promise<void>;
}

/**
 * Removes machines that no live machine of this runner stands behind: what a runner that was killed has left. Their
 * processes normally died with it; those that did not are ended first.
 */
export async function reapMachines({ directory, groups, isOurs, rescue }: ReapOptions): Promise<Reaped> {
  let [folders, processes, leftGroups] = [0, 0, 0];
  for (const { name, folder } of await directory.machineFolders()) {
    if (isOurs(name)) continue;
    processes += await endProcesses(name);
    await rescue(folder);
    await directory.remove(name);
    folders += 1;
  }
  for (const name of await groups.names()) {
    if (isOurs(name)) continue;
    processes += await endProcesses(name);
    await groups.removeByName(name);
    leftGroups += 1;
  }
  return { folders, processes, groups: leftGroups };
}

/** The same for templates that were being made; only for the runner's start, when none is. */
export async function reapTemplates(directory: RunDirectory): Promise<Reaped> {
  let [folders, processes] = [0, 0];
  for (const name of await directory.templateNames()) {
    processes += await endProcesses(name);
    await rm(join(directory.templates, name), { recursive: true, force: true });
    folders += 1;
  }
  return { folders, processes, groups: 0 };
}
