import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importPKCS8, importSPKI, jwtVerify, SignJWT } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataFolderAt, openDataFolder, readAdminToken } from "./data-folder.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "rs-data-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

test("two boxes on one data folder give a clear error, and the folder is free again afterwards", async () => {
  const folder = dataFolderAt(join(root, "box"));
  const lock = await openDataFolder(folder, false);
  await expect(openDataFolder(folder, false)).rejects.toThrow(/Another `ringside up` runs on/);
  await lock[Symbol.asyncDispose]();
  const again = await openDataFolder(folder, false);
  await again[Symbol.asyncDispose]();
});

test("the lock goes with its holder's death", async () => {
  const folder = dataFolderAt(join(root, "box"));
  const lock = await openDataFolder(folder, false);
  lock.kill("SIGKILL");
  await lock.exited;
  await using again = await openDataFolder(folder, false);
  expect(again.running()).toBe(true);
});

test("keys are made once, fit each other, and only we may read them", async () => {
  const folder = dataFolderAt(join(root, "box"));
  await (await openDataFolder(folder, false))[Symbol.asyncDispose]();
  const first = await readFile(folder.ticketKeyFile, "utf8");
  await (await openDataFolder(folder, false))[Symbol.asyncDispose]();
  expect(await readFile(folder.ticketKeyFile, "utf8")).toBe(first);
  expect(await readAdminToken(folder)).toMatch(/^rs_[A-Za-z0-9_-]{43}$/);
  const jwt = await new SignJWT({ x: 1 }).setProtectedHeader({ alg: "EdDSA" }).sign(await importPKCS8(first, "EdDSA"));
  const publicKey = await importSPKI(await readFile(folder.ticketPublicKeyFile, "utf8"), "EdDSA");
  expect((await jwtVerify(jwt, publicKey)).payload.x).toBe(1);
  for (const path of [folder.ticketKeyFile, folder.adminTokenFile]) expect((await stat(path)).mode & 0o077).toBe(0);
});

test("a path too long for sockets is refused before anything is made", async () => {
  const folder = dataFolderAt(join(root, "x".repeat(100)));
  await expect(openDataFolder(folder, false)).rejects.toThrow(/choose a shorter one with --data/);
  await expect(stat(folder.root)).rejects.toThrow("ENOENT");
});
