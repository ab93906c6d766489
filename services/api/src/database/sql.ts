import type pg from "pg";

/**
 * Statements of the hot paths, written as SQL and sent over the pool that Prisma has too: what a whole class asks for
 * in one burst costs a fraction there (docs/decisions/0013-hot-paths-in-sql.md). Everything else goes through Prisma.
 * Whole numbers of 64 bits come as text: a statement casts them.
 */
export interface Statement<_Row> {
  /** PostgreSQL parses and plans it once for each connection, under this name. */
  readonly name: string;
  readonly text: string;
}

/** @param name unique among all statements */
export function statement<Row>(name: string, text: string): Statement<Row> {
  return { name, text };
}

type Value = string | number | bigint | boolean | Date | null | readonly string[] | readonly number[];

/** Something that runs statements: the pool, or a transaction of either kind. */
export interface Queryable {
  query<Row>(what: Statement<Row>, values: readonly Value[]): Promise<readonly Row[]>;
}

/** The pool, for statements one by one and for transactions. */
export class Sql implements Queryable {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  query<Row>(what: Statement<Row>, values: readonly Value[]): Promise<readonly Row[]> {
    return send(this.#pool, what, values);
  }

  /** Runs `work` in one transaction, which is rolled back where it throws. Each statement has the pool's deadline. */
  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    // A connection that breaks between two statements: the next one says so.
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on("error", onError);
    try {
      await client.query("BEGIN");
      const value = await work({ query: (what, values) => send(client, what, values) });
      await client.query("COMMIT");
      return value;
    } catch (error) {
      await client.query("ROLLBACK").catch((cause: Error) => {
        broken ??= cause;
      });
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }
}

interface PrismaTransaction {
  $queryRawUnsafe<Rows>(text: string, ...values: unknown[]): Promise<Rows>;
}

/** Prisma's transaction, for statements that both kinds share. */
export function inPrisma(tx: PrismaTransaction): Queryable {
  return { query: (what, values) => tx.$queryRawUnsafe(what.text, ...values) };
}

async function send<Row>(
  to: pg.Pool | pg.PoolClient,
  { name, text }: Statement<Row>,
  values: readonly Value[],
): Promise<readonly Row[]> {
  const { rows } = await to.query({ name, text, values: [...values] });
  return rows as Row[];
}
