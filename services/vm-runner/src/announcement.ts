import { CELL_ANNOUNCE_TTL_MS, type CellRunner, cellRunnerKey } from "@ringside/shared";
import type { Redis } from "ioredis";

/** Tells the api that this runner is there and how much room it has, for CELL_ANNOUNCE_TTL_MS. */
export async function announce(redis: Redis, prefix: string, runner: CellRunner): Promise<void> {
  await redis.set(cellRunnerKey(prefix, runner.cell), JSON.stringify(runner), "PX", CELL_ANNOUNCE_TTL_MS);
}

/** Takes the announcement back: this runner starts no machines any more. */
export async function withdraw(redis: Redis, prefix: string, cell: string): Promise<void> {
  await redis.del(cellRunnerKey(prefix, cell));
}
