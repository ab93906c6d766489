import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Child, startChild } from "../processes/child.ts";
import { type Part, type PartEvent, Supervisor } from "./supervisor.ts";

const ENV = { PATH: "/usr/bin:/bin" };
const signal = new AbortController().signal;

/** A part that is a shell script, ready with its first line; `started` collects its processes. */
function shellPart(name: string, script: string, started: Child[] = []): Part {
  return {
    name,
    stopSignal: "SIGTERM",
    stopMs: 2_000,
    start: async () => {
      const { promise: ready, resolve } = Promise.withResolvers<void>();
      const args = ["-c", script];
      const child = await startChild({ command: "sh", args, env: ENV, deathSignal: "KILL", onLine: () => resolve() });
      started.push(child);
      await Promise.race([ready, child.exited]);
      return child;
    },
  };
}

const FOREVER = "echo ready; exec sleep 1000";

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

test("parts start in order and end in the opposite order", async () => {
  const events: string[] = [];
  const supervisor = new Supervisor({
    parts: ["a", "b", "c"].map((name) => shellPart(name, FOREVER)),
    onEvent: ({ part, what }) => events.push(`${part} ${what}`),
  });
  await supervisor.start(signal);
  await supervisor.stop();
  expect(events).toEqual(["a ready", "b ready", "c ready", "c stopped", "b stopped", "a stopped"]);
});

test("a part that is killed is started again, the others are left alone", async () => {
  const a: Child[] = [];
  const b: Child[] = [];
  await using supervisor = new Supervisor({
    parts: [shellPart("a", FOREVER, a), shellPart("b", FOREVER, b)],
    onEvent: () => undefined,
    restartDelayMs: 1,
  });
  await supervisor.start(signal);
  a[0]?.kill("SIGKILL");
  await until(() => a.length === 2 && supervisor.report()[0]?.state === "running");
  expect(b).toHaveLength(1);
  expect(supervisor.report().map((part) => part.state)).toEqual(["running", "running"]);
  expect(supervisor.report()[0]?.pid).toBe(a[1]?.pid);
});

test("a part that dies again and again makes the supervisor give up, with its name", async () => {
  const events: PartEvent[] = [];
  await using supervisor = new Supervisor({
    parts: [shellPart("steady", FOREVER), shellPart("weak", "exit 3")],
    onEvent: (event) => events.push(event),
    restartDelayMs: 1,
    restartsMax: 3,
  });
  await supervisor.start(signal);
  expect((await supervisor.untilEnd(new AbortController().signal))?.message).toContain("weak died");
  expect(events.filter((event) => event.part === "weak" && event.what === "restart")).toHaveLength(3);
  expect(events.find((event) => event.what === "ended")?.detail).toBe("exit code 3");
});

test("where a part does not start, those before it are ended again", async () => {
  const a: Child[] = [];
  const broken: Part = { ...shellPart("b", FOREVER), start: () => Promise.reject(new Error("no way")) };
  const supervisor = new Supervisor({ parts: [shellPart("a", FOREVER, a), broken], onEvent: () => undefined });
  await expect(supervisor.start(signal)).rejects.toThrow("no way");
  expect(a[0]?.running()).toBe(false);
});

test("a part that ignores its signal is killed after its time, or at once in a hurry", async () => {
  const children: Child[] = [];
  const deaf = {
    ...shellPart("deaf", "trap '' TERM; echo ready; while :; do sleep 0.05; done", children),
    stopMs: 600_000,
  };
  const supervisor = new Supervisor({ parts: [deaf], onEvent: () => undefined });
  await supervisor.start(signal);
  const stopped = supervisor.stop();
  supervisor.hurry();
  await stopped;
  expect(await children[0]?.exited).toMatchObject({ signal: "SIGKILL" });
  expect(existsSync(`/proc/${children[0]?.pid}`)).toBe(false);
});

test("ending while a part waits for its restart leaves nothing running", async () => {
  const children: Child[] = [];
  const supervisor = new Supervisor({
    parts: [shellPart("a", FOREVER, children)],
    onEvent: () => undefined,
    restartDelayMs: 600_000,
  });
  await supervisor.start(signal);
  children[0]?.kill("SIGKILL");
  await until(() => supervisor.report()[0]?.state === "waiting");
  await supervisor.stop();
  expect(children).toHaveLength(1);
  expect(supervisor.report()[0]?.state).toBe("stopped");
});

test("waiting for the end is over at once where the end was asked for before", async () => {
  await using supervisor = new Supervisor({ parts: [], onEvent: () => undefined });
  expect(await supervisor.untilEnd(AbortSignal.abort())).toBeUndefined();
});
