import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  COURSE_ROLES,
  END_REASONS,
  FAIL_REASON_NAMES,
  MACHINE_STARTS,
  ON_DISCONNECT,
  OUTCOMES,
  REGRADE_STATES,
  SESSION_STATES,
  SITE_ROLES,
  START_HOWS,
} from "@ringside/shared";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import * as enums from "../generated/enums.ts";
import { freshDatabase, MIGRATIONS_DIR } from "../testing/bed.ts";
import { migrate } from "./migrate.ts";

const ENUMS = {
  SiteRole: SITE_ROLES,
  CourseRole: COURSE_ROLES,
  SessionState: SESSION_STATES,
  SessionReason: [...END_REASONS, ...FAIL_REASON_NAMES],
  StartHow: START_HOWS,
  GradeOutcome: OUTCOMES,
  OnDisconnect: ON_DISCONNECT,
  MachineStart: MACHINE_STARTS,
  RegradeState: REGRADE_STATES,
} as const;

const SQL_TYPES: Readonly<Record<string, string>> = {
  String: "text",
  Int: "int4",
  BigInt: "int8",
  Float: "float8",
  Boolean: "bool",
  Json: "jsonb",
  DateTime: "timestamptz",
};

interface Described {
  readonly columns: readonly string[];
  readonly indexes: readonly string[];
}

/** What schema.prisma says: `Table.column type [null]`, and the columns of keys and indexes. */
async function describeSchema(): Promise<Described> {
  const text = await readFile(join(MIGRATIONS_DIR, "../schema.prisma"), "utf8");
  const models = [...text.matchAll(/^model (\w+) \{(.*?)^\}/gms)].map(([, name = "", body = ""]) => ({ name, body }));
  const names = new Set(models.map(({ name }) => name));
  const columns: string[] = [];
  const indexes: string[] = [];
  for (const { name, body } of models) {
    for (const line of body.split("\n").map((each) => each.trim())) {
      const block = /^@@(id|unique|index)\(\[(.*?)\]/.exec(line);
      const [, field = "", type = "", mark = ""] = /^(\w+)\s+(\w+)(\?|\[\])?/.exec(line) ?? [];
      if (block !== null) {
        indexes.push(`${name} ${block[1]} ${block[2]}`);
      } else if (field !== "" && !names.has(type)) {
        columns.push(`${name}.${field} ${SQL_TYPES[type] ?? type}${mark === "?" ? " null" : ""}`);
        const single = /@(id|unique)\b/.exec(line)?.[1];
        indexes.push(...(single === undefined ? [] : [`${name} ${single} ${field}`]));
      }
    }
  }
  return { columns: columns.sort(), indexes: indexes.sort() };
}

async function describeDatabase(client: pg.Client): Promise<Described> {
  const columns = await client.query<{ line: string }>(`
    SELECT table_name || '.' || column_name || ' ' || udt_name || CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END AS line
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'`);
  const indexes = await client.query<{ line: string }>(`
    SELECT t.relname || ' ' || CASE WHEN i.indisprimary THEN 'id' WHEN i.indisunique THEN 'unique' ELSE 'index' END
      || ' ' || (SELECT string_agg(a.attname, ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum)
      || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END AS line
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public' AND t.relname <> '_prisma_migrations'`);
  return { columns: columns.rows.map((row) => row.line).sort(), indexes: indexes.rows.map((row) => row.line).sort() };
}

let url: string;
let client: pg.Client;

beforeAll(async () => {
  url = await freshDatabase(inject("databaseUrl"));
  expect(await migrate(url, MIGRATIONS_DIR)).toContain("0001_base");
  client = new pg.Client({ connectionString: url });
  await client.connect();
});

afterAll(() => client.end());

describe("the migrated database", () => {
  it("has exactly the tables and columns of schema.prisma", async () => {
    expect((await describeDatabase(client)).columns).toEqual((await describeSchema()).columns);
  });

  it("has exactly its keys and indexes, and the partial ones that Prisma has no words for", async () => {
    const partial = ["Session unique userId, courseId, lab partial", "Regrade unique courseId, lab partial"];
    const expected = [...(await describeSchema()).indexes, ...partial].sort();
    expect((await describeDatabase(client)).indexes).toEqual(expected);
  });

  it("has a foreign key for every relation of schema.prisma", async () => {
    const text = await readFile(join(MIGRATIONS_DIR, "../schema.prisma"), "utf8");
    const relations = [...text.matchAll(/@relation\(fields: \[(\w+)\]/g)].map(([, field]) => field).sort();
    const { rows } = await client.query<{ field: string }>(`
      SELECT a.attname AS field FROM pg_constraint c
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) WHERE c.contype = 'f'`);
    expect(rows.map((row) => row.field).sort()).toEqual(relations);
  });
});

describe("the enums", () => {
  it.each(Object.entries(ENUMS))(
    "%s equals its table in packages/shared, in the client and in the database",
    async (name, table) => {
      expect(Object.values(Object.entries(enums).find(([each]) => each === name)?.[1] ?? {})).toEqual([...table]);
      const { rows } = await client.query<{ label: string }>(
        "SELECT e.enumlabel AS label FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typname = $1 ORDER BY e.enumsortorder",
        [name],
      );
      expect(rows.map((row) => row.label)).toEqual([...table]);
    },
  );

  it("are no more than these", () => {
    expect(Object.keys(enums).sort()).toEqual(Object.keys(ENUMS).sort());
  });
});

describe("migrating", () => {
  const withMigrations = async (files: Readonly<Record<string, string>>, use: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), "rs-migrations-"));
    for (const [name, sql] of Object.entries(files)) {
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, "migration.sql"), sql);
    }
    await use(folder).finally(() => rm(folder, { recursive: true }));
  };
  const fresh = () => freshDatabase(inject("databaseUrl"));

  it("applies each migration once, in order", async () => {
    const database = await fresh();
    await withMigrations(
      { "0002_b": "ALTER TABLE a ADD y int", "0001_a": "CREATE TABLE a (x int)" },
      async (folder) => {
        expect(await migrate(database, folder)).toEqual(["0001_a", "0002_b"]);
        expect(await migrate(database, folder)).toEqual([]);
      },
    );
  });

  it("applies each migration once when five replicas start together", async () => {
    const database = await fresh();
    await withMigrations({ "0001_a": "CREATE TABLE a (x int)" }, async (folder) => {
      const all = await Promise.all(Array.from({ length: 5 }, () => migrate(database, folder)));
      expect(all.flat()).toEqual(["0001_a"]);
    });
  });

  it("undoes a migration that fails, and refuses to go on until somebody has looked", async () => {
    const database = await fresh();
    await withMigrations({ "0001_a": "CREATE TABLE a (x int); SELECT 1/0;" }, async (folder) => {
      await expect(migrate(database, folder)).rejects.toThrow("0001_a failed: division by zero");
      await expect(migrate(database, folder)).rejects.toThrow("0001_a failed earlier");
    });
    const look = new pg.Client({ connectionString: database });
    await look.connect();
    const { rows } = await look.query("SELECT to_regclass('a') AS a");
    await look.end();
    expect(rows).toEqual([{ a: null }]);
  });

  it("refuses a migration that was changed after it was applied", async () => {
    const database = await fresh();
    await withMigrations({ "0001_a": "CREATE TABLE a (x int)" }, (folder) =>
      migrate(database, folder).then(() => undefined),
    );
    await withMigrations({ "0001_a": "CREATE TABLE a (y int)" }, async (folder) => {
      await expect(migrate(database, folder)).rejects.toThrow("0001_a was changed");
    });
  });
});
