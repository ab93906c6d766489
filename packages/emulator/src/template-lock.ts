import { join } from "node:path";
import { TEMPLATE_LOCK_TIMEOUT_MS } from "./limits.ts";
import { startHolder } from "./qemu-process.ts";

/**
 * One process of the host at a time opens, makes or removes a template. The kernel's own lock (flock(2), through
 * the tool, as Node has no call for it) is free again as soon as its holder is gone, however that came about. Its
 * files stay, few as they are: one that is removed could be held by some and made anew by others.
 */
export const LOCK_PREFIX = ".lock-";

/** Says that it holds the lock, and ends with its stdin. */
const HOLD = "echo held; exec cat";

/**
 * Waits for the lock of a template and holds it until disposed.
 * @param folder of all templates
 * @param key the template's name; those with the same first letter share a lock
 * @throws RingsideError `internal` when it is not free in TEMPLATE_LOCK_TIMEOUT_MS; the signal's reason
 */
export function lockTemplate(folder: string, key: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const file = join(folder, `${LOCK_PREFIX}${key.slice(0, 1)}`);
  const patience = { timeoutMs: TEMPLATE_LOCK_TIMEOUT_MS, signal };
  return startHolder("flock", ["--exclusive", file, "sh", "-c", HOLD], patience);
}
