import { readFile } from "node:fs/promises";

/** What one process takes of memory, in bytes. */
export interface Weight {
  readonly privateBytes: number;
  /** Its share of what it has in common with others: summed over all it is what that takes. */
  readonly sharedBytes: number;
}

const KIB = 1024;

/** Reads `/proc/<pid>/smaps_rollup`'s text. */
export function weightOf(text: string): Weight {
  const field = (name: string): number => KIB * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
  const anonymous = field("Anonymous");
  // Of the proportional size, the anonymous part is nobody else's but a forked child's.
  return { privateBytes: anonymous, sharedBytes: Math.max(0, field("Pss") - field("Pss_Anon")) };
}

/** Weighs a process; nothing where it is gone or not ours to look at. */
export async function weigh(pid: number): Promise<Weight> {
  return weightOf(await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => ""));
}
