import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import { RingsideError } from "@ringside/shared";

/** The file calls that a writer makes: the edge at which tests put a failing disk. */
export interface Disk {
  readonly open: (path: string, flags: "wx" | "r+" | "r") => number;
  readonly write: (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => number;
  readonly truncate: (fd: number, length: number) => void;
  readonly sync: (fd: number) => void;
  readonly close: (fd: number) => void;
  readonly makeFolder: (path: string) => void;
}

/** The real one. */
export const DISK: Disk = {
  open: (path, flags) => openSync(path, flags, 0o640),
  write: writeSync,
  truncate: ftruncateSync,
  sync: fsyncSync,
  close: closeSync,
  makeFolder: (path) => void mkdirSync(path, { recursive: true, mode: 0o750 }),
};

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** True where a call failed because the disk or the quota is full. */
export function isFull(error: unknown): boolean {
  return FULL.has((error as NodeJS.ErrnoException | null)?.code ?? "");
}

/** Runs `act`; a full disk becomes RingsideError storage_full. */
export function whileRoom<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw isFull(cause) ? new RingsideError("storage_full", { cause }) : cause;
  }
}

/** Makes the names in a folder as lasting as its files' contents. */
export function syncFolder(disk: Disk, path: string): void {
  const fd = disk.open(path, "r");
  try {
    disk.sync(fd);
  } finally {
    disk.close(fd);
  }
}
