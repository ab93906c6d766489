import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withLock } from "./lock.ts";

let folder = "";
let path = "";
const signal = new AbortController().signal;
const quiet = () => undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-lock-"));
  path = join(folder, "build.lock");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("work under one lock never overlaps, and waiting is announced once", async () => {
  let inside = 0;
  let most = 0;
  const onWait = vi.fn();
  const work = async () => {
    most = Math.max(most, ++inside);
    await sleep(30);
    inside--;
  };
  await Promise.all([withLock(path, signal, onWait, work), withLock(path, signal, onWait, work)]);
  expect(most).toBe(1);
  expect(onWait).toHaveBeenCalledTimes(1);
});

test("the lock is released when the work fails", async () => {
  const failing = withLock(path, signal, quiet, () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(await readdir(folder)).toEqual([]);
});

const STALE = {
  "of a process that is gone": JSON.stringify({ pid: 2 ** 22 + 1, started: "1" }),
  "of a pid that now belongs to another process": JSON.stringify({ pid: process.pid, started: "1" }),
  "that holds nothing": "",
  "that holds something else": "[1, 2]",
};

test.each(Object.entries(STALE))("a lock %s is taken over", async (_, content) => {
  await writeFile(path, content);
  const results = await Promise.all([1, 2, 3].map((n) => withLock(path, signal, quiet, () => Promise.resolve(n))));
  expect(results).toEqual([1, 2, 3]);
  expect(await readdir(folder)).toEqual([]);
});

test("waiting for a lock ends with the signal", async () => {
  const abort = new AbortController();
  const release = new AbortController();
  const held = withLock(path, signal, quiet, () => sleep(60_000, undefined, { signal: release.signal }));
  const ended = expect(held).rejects.toThrow();
  await expect.poll(() => readdir(folder)).toContain("build.lock");
  const waiting = withLock(
    path,
    abort.signal,
    () => abort.abort(),
    () => Promise.resolve(),
  );
  await expect(waiting).rejects.toThrow();
  release.abort();
  await ended;
});
