import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RingsideError } from "@ringside/shared";
import { GROUP_REMOVE_POLL_MS, GROUP_REMOVE_TIMEOUT_MS } from "./limits.ts";

/** Control groups as what they are to a program: folders with files that are read and written. */

/** One file of a group and what it shall say. */
export interface GroupSetting {
  readonly folder: string;
  readonly file: string;
  readonly value: string;
  /** Not every kernel has it, and machines are held well enough without. */
  readonly optional?: boolean;
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "unknown";

/** @throws RingsideError `internal` that names the file */
function refused(path: string, cause: unknown): never {
  throw new RingsideError("internal", { message: `${path} was refused: ${codeOf(cause)}`, cause });
}

/** @throws RingsideError `internal` for the first one that the kernel refuses and that is not optional */
export async function writeSettings(settings: readonly GroupSetting[]): Promise<void> {
  for (const { folder, file, value, optional = false } of settings) {
    const path = join(folder, file);
    await writeFile(path, value).catch((error) => (optional ? undefined : refused(path, error)));
  }
}

/** Puts a process into a group. The kernel may take 10 ms for it: never wait for that in a synchronous call. */
export async function addProcess(folder: string, pid: number): Promise<void> {
  const path = join(folder, "cgroup.procs");
  await writeFile(path, String(pid)).catch((error) => refused(path, error));
}

/** Makes a group; one that is there already is as good. */
export async function makeGroup(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o755 }).catch((error) => {
    if (codeOf(error) !== "EEXIST") refused(folder, error);
  });
}

/**
 * Removes a group as soon as it is empty.
 * @throws RingsideError `internal` when it is not empty within GROUP_REMOVE_TIMEOUT_MS
 */
export async function removeGroup(folder: string): Promise<void> {
  const end = performance.now() + GROUP_REMOVE_TIMEOUT_MS;
  for (;;) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      if (codeOf(error) !== "EBUSY" || performance.now() > end) refused(folder, error);
    }
    await sleep(GROUP_REMOVE_POLL_MS);
  }
}
