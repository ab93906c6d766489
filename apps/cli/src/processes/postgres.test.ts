import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPostgres } from "./postgres.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-pg-"));
  await chmod(folder, 0o711);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const start = () => startPostgres({ folder: join(folder, "pg"), durability: "durable" });

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("an acknowledged row survives kill -9 of the server and its next start", async () => {
  const first = await start();
  await query(first.url, "CREATE TABLE kept (n int)");
  await query(first.url, "INSERT INTO kept VALUES (42)");
  first.child.kill("SIGKILL");
  await first.child.exited;
  await using second = await start();
  expect(await query(second.url, "SELECT n FROM kept")).toEqual([{ n: 42 }]);
});

test("it opens no network port and its folder is closed to others", async () => {
  await using server = await start();
  expect(await query(server.url, "SHOW listen_addresses")).toEqual([{ listen_addresses: "" }]);
  expect(await query(server.url, "SHOW unix_socket_permissions")).toEqual([{ unix_socket_permissions: "0700" }]);
});

test("a server left over by a dead starter is ended before the next one starts", async () => {
  const leftOver = await start();
  await using next = await start();
  expect(leftOver.child.running()).toBe(false);
  expect(await query(next.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("a folder whose socket path is too long is refused in words", async () => {
  await expect(startPostgres({ folder: `/tmp/${"x".repeat(120)}`, durability: "durable" })).rejects.toThrow(
    /too long for a unix socket/,
  );
});
