import { randomBytes } from "node:crypto";
import { connectRedis } from "@ringside/redis";
import { Client } from "pg";
import { CliError } from "../exit-codes.ts";
import { STORE_ANSWER_MS, STORE_SCAN_KEYS_MAX } from "../limits.ts";
import { settledWithin } from "../settled.ts";

/** Where a box that goes away again keeps its things in stores that stay: a database and a key prefix of its own. */
export interface BorrowedStores extends AsyncDisposable {
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** Before all keys in Redis; undefined for the default. */
  readonly prefix: string | undefined;
}

/**
 * Borrows from the stores that the environment names; where it names none, the box runs its own.
 * Disposing of it removes what was borrowed.
 * @throws CliError where the database server does not answer or lets us make no database
 */
export async function borrowStores(urls: {
  readonly DATABASE_URL?: string | undefined;
  readonly REDIS_URL?: string | undefined;
}): Promise<BorrowedStores> {
  await using stack = new AsyncDisposableStack();
  const suffix = randomBytes(6).toString("hex");
  const { DATABASE_URL: server, REDIS_URL: redisUrl } = urls;
  const prefix = redisUrl === undefined ? undefined : `ringside-${suffix}`;
  let databaseUrl: string | undefined;
  if (server !== undefined) {
    const name = `ringside_${suffix}`;
    await ask(server, `CREATE DATABASE ${name}`);
    stack.defer(() => ask(server, `DROP DATABASE ${name} WITH (FORCE)`));
    const url = new URL(server);
    url.pathname = `/${name}`;
    databaseUrl = url.href;
  }
  if (redisUrl !== undefined) stack.defer(() => forgetKeys(redisUrl, `${prefix}:*`));
  const all = stack.move();
  return { databaseUrl, redisUrl, prefix, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function ask(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: STORE_ANSWER_MS });
  try {
    await client.connect();
    await client.query(statement);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError("failed", `The server of DATABASE_URL refused "${statement}": ${why}`, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function forgetKeys(url: string, pattern: string): Promise<void> {
  const redis = connectRedis(url, "worker", () => undefined);
  const forgetting = (async () => {
    let cursor = "0";
    do {
      const [next, keys] = await redis.scan(cursor, "MATCH", pattern, "COUNT", STORE_SCAN_KEYS_MAX);
      cursor = next;
      if (keys.length > 0) await redis.unlink(...keys);
    } while (cursor !== "0");
  })();
  const done = await settledWithin(forgetting, STORE_ANSWER_MS);
  redis.disconnect();
  if (!done) throw new CliError("failed", `The server of REDIS_URL does not answer: keys ${pattern} may be left there`);
  await forgetting;
}
