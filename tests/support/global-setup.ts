import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres, startRedis } from "@ringside/cli";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** Superuser URL of the run's own PostgreSQL: create a database of your own in each test file. */
    databaseUrl: string;
    /** unix:///… of the run's own Redis: use a random key prefix in each test file. */
    redisUrl: string;
  }
}

/** One private PostgreSQL and one Redis for the whole test run, in a temporary folder that goes with them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "rs-test-"));
  // PostgreSQL's user must reach its own folder in it.
  await chmod(folder, 0o711);
  const postgres = await startPostgres({ folder: join(folder, "pg"), durability: "volatile" });
  const redis = await startRedis({ folder: join(folder, "redis"), durability: "volatile" });
  project.provide("databaseUrl", postgres.url);
  project.provide("redisUrl", redis.url);
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
}
