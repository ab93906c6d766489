import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { readLines, runChild, startChild } from "./child.ts";

const ENV = { PATH: "/usr/bin:/bin" };

test("a program's exit code and both of its streams are given", async () => {
  const result = await runChild({
    command: "sh",
    args: ["-c", "echo out; echo err >&2; exit 7"],
    env: ENV,
    timeoutMs: 10_000,
  });
  expect(result).toMatchObject({ code: 7, stdout: "out\n", stderr: "err\n", timedOut: false });
});

test("a program that is late is ended", async () => {
  const result = await runChild({ command: "sleep", args: ["1000"], env: ENV, timeoutMs: 50 });
  expect(result).toMatchObject({ timedOut: true, signal: "SIGKILL" });
});

test("an abort ends the program", async () => {
  const abort = new AbortController();
  const running = runChild({ command: "sleep", args: ["1000"], env: ENV, timeoutMs: 60_000, signal: abort.signal });
  abort.abort();
  expect(await running).toMatchObject({ signal: "SIGKILL" });
});

test("a program that ignores SIGTERM gets SIGKILL after the grace", async () => {
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const child = await startChild({
    command: "sh",
    args: ["-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"],
    env: ENV,
    deathSignal: "KILL",
    onLine: () => resolve(),
  });
  await ready;
  expect(await child.stop("SIGTERM", 100)).toMatchObject({ signal: "SIGKILL" });
});

test("a program that is not there is reported, not thrown at nobody", async () => {
  const result = await runChild({ command: "/no/such/program", args: [], env: ENV, timeoutMs: 10_000 });
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain("/no/such/program");
});

test("children die with their parent, by kill -9 too", async () => {
  const module = new URL("child.ts", import.meta.url).href;
  const script = `
    const { startChild } = await import(${JSON.stringify(module)});
    const child = await startChild({ command: "sleep", args: ["1000"], env: { PATH: "/usr/bin:/bin" }, deathSignal: "KILL" });
    console.log(child.pid);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve) => readLines(parent.stdout, (line) => resolve(Number(line))));
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  while (existsSync(`/proc/${pid}`)) await sleep(10);
});

test("an endless line is cut, the lines after it are whole", async () => {
  const lines: string[] = [];
  await runChild({
    command: "sh",
    args: ["-c", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo after"],
    env: ENV,
    timeoutMs: 10_000,
    onLine: (line) => lines.push(line),
  });
  expect(lines.map((line) => line.length)).toEqual([16_384, 5]);
});
