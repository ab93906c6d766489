import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/**
 * Finding our processes in /proc by their command line. A machine's name holds 100 random bits of its session,
 * so an argument that equals it is proof enough; a recycled process id is not mistaken for a machine.
 */
function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it is gone
  }
}

/** True while process `pid` runs with `name` as one of its arguments. A zombie has none. */
export const processHasArgument = (pid: number, name: string): boolean => argumentsOf(pid).includes(name);

/** The ids of all processes that have `name` as one of their arguments, ourselves excepted. */
export async function processesWithArgument(name: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^[0-9]+$/.test(entry)).map(Number);
  return pids.filter((pid) => pid !== process.pid && processHasArgument(pid, name));
}

/** The ids of a process's children; none of one that is gone. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}
