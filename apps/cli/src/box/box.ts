import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Child } from "../processes/child.ts";
import { openDataFolder, readAdminToken } from "./data-folder.ts";
import type { LogFile } from "./log-file.ts";
import { addressesOf, type BoxOptions, boxParts } from "./parts.ts";
import { writePrivateFile } from "./private-file.ts";
import { type PartEvent, Supervisor } from "./supervisor.ts";

/** A running box: all parts of Ringside on this machine, under one supervisor. */
export interface Box extends AsyncDisposable {
  /** The api, for this machine. */
  readonly url: string;
  /** The api, for everybody. */
  readonly publicUrl: string;
  readonly adminToken: string;
  readonly supervisor: Supervisor;
}

/**
 * Opens the data folder and starts all parts.
 * @throws CliError or Error, with everything ended again
 */
export async function startBox(
  options: Omit<BoxOptions, "adminToken"> & {
    readonly isRoot: boolean;
    readonly signal: AbortSignal;
    readonly onEvent: (event: PartEvent) => void;
  },
): Promise<Box> {
  const lock = await openDataFolder(options.folder, options.isRoot);
  try {
    const adminToken = await readAdminToken(options.folder);
    const { parts, logs } = boxParts({ ...options, adminToken });
    const supervisor = new Supervisor({ parts, onEvent: options.onEvent });
    const { localUrl: url, publicUrl } = addressesOf(options);
    try {
      await supervisor.start(options.signal);
      await writePrivateFile(options.folder.boxFile, `${JSON.stringify({ pid: process.pid, url })}\n`);
    } catch (cause) {
      await closeAll(supervisor, logs, undefined);
      throw cause;
    }
    return { url, publicUrl, adminToken, supervisor, [Symbol.asyncDispose]: () => closeAll(supervisor, logs, lock) };
  } catch (cause) {
    await lock[Symbol.asyncDispose]();
    throw cause;
  }
}

async function closeAll(supervisor: Supervisor, logs: readonly LogFile[], lock: Child | undefined): Promise<void> {
  await supervisor.stop();
  for (const log of logs) log[Symbol.dispose]();
  await lock?.[Symbol.asyncDispose]();
}

/** The names of the labs in the checkout. */
export async function labsOf(repoRoot: string): Promise<string[]> {
  const entries = await readdir(join(repoRoot, "course/labs"), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
