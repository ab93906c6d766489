import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runChild } from "./processes/child.ts";

const LAUNCHER = fileURLToPath(new URL("../../../ringside", import.meta.url));

let root = "";
let bin = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "rs launcher-"));
  bin = join(root, "bin");
  await mkdir(bin);
  await mkdir(join(root, "checkout/node_modules/.bin"), { recursive: true });
  await copyFile(LAUNCHER, join(root, "checkout/ringside"));
  await writeFile(join(root, "checkout/package-lock.json"), "{}");
  await program(join(root, "checkout/node_modules/.bin/node"), 'echo "node $*"');
  await program(join(bin, "node"), "exit 99");
  await program(join(bin, "npm"), `echo "npm $*" >>"${root}/npm.log"`);
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function program(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const stamp = () => writeFile(join(root, "checkout/node_modules/.ringside-lock"), `${sha256("{}")}\n`);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const npmLog = () => readFile(join(root, "npm.log"), "utf8").catch(() => "");

const launch = (path: string, args: string[]) =>
  runChild({ command: path, args, env: { PATH: `${bin}:/usr/bin:/bin` }, cwd: "/", timeoutMs: 30_000 });

test("through links and from any folder it runs the checkout's own Node, with the arguments as they are", async () => {
  await stamp();
  await symlink("checkout/ringside", join(root, "relative"));
  await symlink(join(root, "relative"), join(root, "absolute"));
  const result = await launch(join(root, "absolute"), ["console", "--send", "a b"]);
  expect(result.stdout).toContain(`${root}/checkout/apps/cli/src/main.ts console --send a b`);
  expect(result.code).toBe(0);
  expect(await npmLog()).toBe("");
});

test("where the lock file has changed, it installs, once", async () => {
  await writeFile(join(root, "checkout/node_modules/.ringside-lock"), "old\n");
  const first = await launch(join(root, "checkout/ringside"), ["labs"]);
  expect(first.stderr).toContain("installing the packages");
  expect(await npmLog()).toContain("npm ci");
  const second = await launch(join(root, "checkout/ringside"), ["labs"]);
  expect(second.stderr).toBe("");
  expect((await npmLog()).match(/npm ci/g)).toHaveLength(1);
});

test("where npm fails, it says so and does not go on", async () => {
  await program(join(bin, "npm"), "echo no registry >&2; exit 1");
  const result = await launch(join(root, "checkout/ringside"), ["labs"]);
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/no registry[\s\S]*npm ci failed/);
  expect(result.stdout).toBe("");
});

test("the database client is made where it is missing or older than its schema", async () => {
  await stamp();
  await mkdir(join(root, "checkout/prisma"));
  await writeFile(join(root, "checkout/prisma/schema.prisma"), "");
  await mkdir(join(root, "checkout/services/api/src/generated"), { recursive: true });
  await launch(join(root, "checkout/ringside"), ["labs"]);
  expect(await npmLog()).toContain("run --silent generate");
  await launch(join(root, "checkout/ringside"), ["labs"]);
  expect((await npmLog()).match(/generate/g)).toHaveLength(1);
});
