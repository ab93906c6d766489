import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { DATABASE_CONNECT_TIMEOUT_MS, MIGRATION_LOCK_TIMEOUT_MS } from "../limits.ts";

/**
 * Applies prisma/migrations when the api starts, in the way of `prisma migrate deploy`: its advisory lock
 * (so that replicas that start together apply each migration once), its `_prisma_migrations` table, sha256 of
 * the file. Each migration is one simple query, which PostgreSQL runs as one transaction. A migration that
 * failed, or was changed after it was applied, stops the start: somebody has to look at it.
 */

/** The lock that Prisma's own migrate command takes. */
const PRISMA_ADVISORY_LOCK = 72_707_369;

/** Prisma's own table, column by column. */
const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface AppliedRow {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

/**
 * Brings the database up to the migrations in `folder`.
 * @returns the names of the migrations that were applied now, in order
 * @throws Error where an earlier migration failed or differs from its file, or where one fails now
 */
export async function migrate(databaseUrl: string, folder: string): Promise<readonly string[]> {
  const migrations = await readMigrations(folder);
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
    application_name: "ringside-migrate",
  });
  // A connection that breaks fails the query in hand; the event alone must not end the process.
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query(`SET lock_timeout = ${MIGRATION_LOCK_TIMEOUT_MS}`);
    await client.query("SELECT pg_advisory_lock($1)", [PRISMA_ADVISORY_LOCK]);
    await client.query("SET client_min_messages = warning");
    await client.query(MIGRATIONS_TABLE);
    return await applyMissing(client, migrations);
  } finally {
    // Ends the lock as well.
    await client.end();
  }
}

async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(folder, name, "migration.sql"), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

async function applyMissing(client: pg.Client, migrations: readonly Migration[]): Promise<readonly string[]> {
  const { rows } = await client.query<AppliedRow>(
    "SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL",
  );
  const applied = new Map(rows.map((row) => [row.migration_name, row]));
  for (const row of rows) {
    if (row.finished_at === null) {
      throw new Error(`Migration ${row.migration_name} failed earlier: mend it, then \`prisma migrate resolve\``);
    }
  }
  const done: string[] = [];
  for (const migration of migrations) {
    const before = applied.get(migration.name);
    if (before === undefined) {
      await apply(client, migration);
      done.push(migration.name);
    } else if (before.checksum !== migration.checksum) {
      throw new Error(`Migration ${migration.name} was changed after it was applied`);
    }
  }
  return done;
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const id = randomUUID();
  await client.query("INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)", [
    id,
    migration.checksum,
    migration.name,
  ]);
  try {
    await client.query(migration.sql);
  } catch (cause) {
    const logs = cause instanceof Error ? cause.message : String(cause);
    await client.query("UPDATE _prisma_migrations SET logs = $2 WHERE id = $1", [id, logs]);
    throw new Error(`Migration ${migration.name} failed: ${logs}`, { cause });
  }
  await client.query("UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1", [id]);
}
