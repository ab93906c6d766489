import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { exists } from "../processes/postgres-files.ts";

/** Free bytes where a folder is or would be made, and the part of its path that is there. */
export async function freeBytes(folder: string): Promise<{ readonly bytes: number; readonly at: string }> {
  let at = folder;
  while (!(await exists(at))) at = dirname(at);
  const { bavail, bsize } = await statfs(at);
  return { bytes: bavail * bsize, at };
}

/** Bytes as GiB, for people. */
export const gibibytes = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
