import { type CellLoad, cellRunnerKey } from "@ringside/shared";
import type { Redis } from "ioredis";

/** What a runner says of a cell that has nothing to do. */
export const LOAD: CellLoad = {
  starting: 0,
  running: 3,
  ending: 0,
  pool: { ready: 2, target: 2 },
  hibernated: { sessions: 1, bytes: 700_000 },
  starts: { pool: 3, clone: 1, cold: 0 },
  memory: { privateBytes: 40_000_000, sharedBytes: 90_000_000 },
  cpuCores: 0.1,
  limitedBy: "cgroup2",
};

/** Announces a runner that is there for the rest of the test. @returns takes it back */
export async function announceRunner(redis: Redis, prefix: string, cell: string): Promise<() => Promise<void>> {
  const key = cellRunnerKey(prefix, cell);
  await redis.set(key, JSON.stringify({ cell, runner: "runner-1", slots: 8, machines: 3, load: LOAD }));
  return async () => {
    await redis.del(key);
  };
}
