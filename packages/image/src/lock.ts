/**
 * One builder at a time for one thing. The lock is a file that names its owner; it appears with its
 * content in one step (link), and one whose owner is gone is taken away by rename, so that of two
 * who find it stale only one removes it. Correct results do not hang on the lock (every builder has
 * its own temporary folder): it only saves the work of building twice.
 */
import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LOCK_POLL_MS } from "./limits.ts";

const ownerSchema = z.object({ pid: z.int().min(1), started: z.string() });

/** When a process started, in the kernel's ticks: a pid that was given out again has another start. */
async function processStart(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The name in brackets may hold spaces; the start time is the 20th field after it.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

async function isStale(content: string): Promise<boolean> {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    return true;
  }
  const owner = ownerSchema.safeParse(json);
  return !owner.success || (await processStart(owner.data.pid)) !== owner.data.started;
}

const hasCode = (error: unknown, code: string) => error instanceof Error && "code" in error && error.code === code;

async function tryTake(path: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify({ pid: process.pid, started: (await processStart(process.pid)) ?? "" }));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** True when the way is free now. */
async function removeIfStale(path: string): Promise<boolean> {
  const seen = await readFile(path, "utf8").catch(() => null);
  if (seen === null) return true;
  if (!(await isStale(seen))) return false;
  const taken = `${path}.${randomUUID()}`;
  try {
    await rename(path, taken);
  } catch {
    return false;
  }
  // Another waiter was faster and this is its fresh lock: put it back.
  const mistaken = (await readFile(taken, "utf8")) !== seen;
  if (mistaken) await link(taken, path).catch(() => undefined);
  await rm(taken, { force: true });
  return !mistaken;
}

/**
 * Runs `work` while holding the lock.
 * @param path the lock file
 * @param onWait called once when another process holds it
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal,
  onWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let waited = false;
  while (!(await tryTake(path))) {
    if (await removeIfStale(path)) continue;
    if (!waited) onWait();
    waited = true;
    await sleep(LOCK_POLL_MS, undefined, { signal });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
