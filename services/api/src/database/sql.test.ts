import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { freshDatabase, MIGRATIONS_DIR } from "../testing/bed.ts";
import { type OpenedDatabase, openDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";
import { isStoreOutage, isUniqueViolation } from "./outage.ts";
import { inPrisma, statement } from "./sql.ts";

const ADD = statement<{ id: string }>(
  "test add",
  `INSERT INTO "User" ("id", "name", "createdAt") VALUES ($1, $2, $3) RETURNING "id"`,
);
const NAMES = statement<{ name: string; createdAt: Date; letters: number }>(
  "test names",
  `SELECT "name", "createdAt", length("name")::int AS "letters" FROM "User" WHERE "id" = ANY ($1) ORDER BY "id"`,
);
const AT = new Date("2026-03-01T10:00:00.123Z");

let url: string;
let opened: OpenedDatabase;
const lost: Error[] = [];

beforeAll(async () => {
  url = await freshDatabase(inject("databaseUrl"));
  await migrate(url, MIGRATIONS_DIR);
  opened = openDatabase(url, (error) => lost.push(error));
});
afterAll(() => opened[Symbol.asyncDispose]());

/** Ends all other connections to this database, as a server that restarts does. */
async function cutConnections(): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
  );
  await client.end();
}

describe("statements in SQL", () => {
  it("give the same rows by the pool, in a transaction, and in Prisma's", async () => {
    const { sql } = opened.database;
    await sql.query(ADD, ["usr_a", "Ann", AT]);
    const expected = [{ name: "Ann", createdAt: AT, letters: 3 }];
    expect(await sql.query(NAMES, [["usr_a"]])).toEqual(expected);
    expect(await sql.transaction((tx) => tx.query(NAMES, [["usr_a"]]))).toEqual(expected);
    expect(await opened.database.$transaction((tx) => inPrisma(tx).query(NAMES, [["usr_a"]]))).toEqual(expected);
  });

  it("are undone with their transaction where it throws, and its connection is used again", async () => {
    const { sql } = opened.database;
    const broken = sql.transaction(async (tx) => {
      await tx.query(ADD, ["usr_b", "Bob", AT]);
      throw new Error("no");
    });
    await expect(broken).rejects.toThrow("no");
    expect(await sql.query(NAMES, [["usr_b"]])).toEqual([]);
    await sql.transaction((tx) => tx.query(ADD, ["usr_b", "Bob", AT]));
    expect(await sql.query(NAMES, [["usr_b"]])).toHaveLength(1);
  });

  it("that break a rule of the database say which, and undo what came before", async () => {
    const { sql } = opened.database;
    const twice = sql.transaction(async (tx) => {
      await tx.query(ADD, ["usr_c", "Cy", AT]);
      await tx.query(ADD, ["usr_c", "Cy", AT]);
    });
    expect(isUniqueViolation(await twice.catch((error: unknown) => error))).toBe(true);
    expect(await sql.query(NAMES, [["usr_c"]])).toEqual([]);
  });

  it("outlive a server that cuts connections, also in the middle of a transaction", async () => {
    const { sql } = opened.database;
    const cut = sql.transaction(async (tx) => {
      await tx.query(NAMES, [["usr_a"]]);
      await cutConnections();
      await sleep(50); // the connection's error comes while nothing is asked of it
      await tx.query(NAMES, [["usr_a"]]);
    });
    expect(isStoreOutage(await cut.catch((error: unknown) => error))).toBe(true);
    expect(await sql.query(NAMES, [["usr_a"]])).toHaveLength(1);
    expect(await sql.transaction((tx) => tx.query(NAMES, [["usr_a"]]))).toHaveLength(1);
  });
});
