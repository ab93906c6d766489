import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { PrismaClient } from "../generated/client.ts";
import {
  DATABASE_CONNECT_TIMEOUT_MS,
  DATABASE_CONNECTIONS_MAX,
  DATABASE_STATEMENT_TIMEOUT_MS,
  TRANSACTION_MS_MAX,
  TRANSACTION_WAIT_MS_MAX,
} from "../limits.ts";
import { Sql } from "./sql.ts";

/** The store: through Prisma, and for the hot paths as SQL, over one pool of connections. */
export interface Database extends PrismaClient {
  readonly sql: Sql;
}
/** The client inside an interactive transaction. */
export type Transaction = Parameters<Parameters<PrismaClient["$transaction"]>[0]>[0];

export interface OpenedDatabase extends AsyncDisposable {
  readonly database: Database;
}

/**
 * Opens the store. Nothing is connected before the first query; every wait has an end.
 * @param onConnectionLost told of broken idle connections, which are replaced
 */
export function openDatabase(databaseUrl: string, onConnectionLost: (error: Error) => void): OpenedDatabase {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: DATABASE_CONNECTIONS_MAX,
    connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
    statement_timeout: DATABASE_STATEMENT_TIMEOUT_MS,
    // For a server that does not answer at all, a little after its own timeout.
    query_timeout: DATABASE_STATEMENT_TIMEOUT_MS + 1_000,
    idle_in_transaction_session_timeout: 2 * TRANSACTION_MS_MAX,
    application_name: "ringside-api",
  });
  pool.on("error", onConnectionLost);
  const client = new PrismaClient({
    adapter: new PrismaPg(pool, { onConnectionError: onConnectionLost }),
    errorFormat: "minimal",
    transactionOptions: { maxWait: TRANSACTION_WAIT_MS_MAX, timeout: TRANSACTION_MS_MAX },
  });
  return {
    database: Object.assign(client, { sql: new Sql(pool) }),
    async [Symbol.asyncDispose]() {
      await client.$disconnect();
      await pool.end();
    },
  };
}
