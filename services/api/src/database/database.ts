import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "../generated/client.ts";
import {
  DATABASE_CONNECT_TIMEOUT_MS,
  DATABASE_CONNECTIONS_MAX,
  DATABASE_STATEMENT_TIMEOUT_MS,
  TRANSACTION_MS_MAX,
  TRANSACTION_WAIT_MS_MAX,
} from "../limits.ts";

export type Database = PrismaClient;
/** The client inside an interactive transaction. */
export type Transaction = Parameters<Parameters<Database["$transaction"]>[0]>[0];

/**
 * Opens the store. Nothing is connected before the first query; every wait has an end.
 * @param onConnectionLost told of broken idle connections, which are replaced
 */
export function openDatabase(databaseUrl: string, onConnectionLost: (error: Error) => void): Database {
  const adapter = new PrismaPg(
    {
      connectionString: databaseUrl,
      max: DATABASE_CONNECTIONS_MAX,
      connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
      statement_timeout: DATABASE_STATEMENT_TIMEOUT_MS,
      // For a server that does not answer at all, a little after its own timeout.
      query_timeout: DATABASE_STATEMENT_TIMEOUT_MS + 1_000,
      idle_in_transaction_session_timeout: 2 * TRANSACTION_MS_MAX,
      application_name: "ringside-api",
    },
    { onPoolError: onConnectionLost, onConnectionError: onConnectionLost },
  );
  return new PrismaClient({
    adapter,
    errorFormat: "minimal",
    transactionOptions: { maxWait: TRANSACTION_WAIT_MS_MAX, timeout: TRANSACTION_MS_MAX },
  });
}
