import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findOwnGroups } from "./cgroup-mounts.ts";
import { MACHINE_NICENESS_MIN } from "./limits.ts";
import { type MachineGroup, machineLimits } from "./machine-group.ts";
import { MachineGroups } from "./machine-groups.ts";
import { childrenOf } from "./processes.ts";

// Real control groups of whatever version this host has for us; without any, what stands in for them.
type Child = ChildProcessByStdio<Writable, null, null>;
const MIB = 1024 * 1024;
const cell = `test-${process.pid}`;
const children: Child[] = [];
let groups: MachineGroups;

beforeAll(async () => {
  groups = await MachineGroups.open({ cell });
});
afterAll(async () => {
  await Promise.all(children.map(end));
  for (const name of await groups.names()) await groups.removeByName(name);
  await groups[Symbol.asyncDispose]();
});

function start(program: string, ...args: string[]): Child & { pid: number } {
  const child = spawn(program, args, { stdio: ["pipe", "ignore", "ignore"] });
  children.push(child);
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  return child as Child & { pid: number };
}

async function end(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** What the kernel says of a limit, by our own word for it. */
function limitsOf(machine: string): Readonly<Record<string, string>> {
  const { v1, v2 } = findOwnGroups(
    readFileSync("/proc/self/mountinfo", "utf8"),
    readFileSync("/proc/self/cgroup", "utf8"),
  );
  const folder = (own: string | null | undefined) => join(own ?? "", `ringside-${cell}`, machine);
  const read = (own: string | null | undefined, file: string) => readFileSync(join(folder(own), file), "utf8").trim();
  switch (groups.kind) {
    case "cgroup1":
      return {
        quota: `${read(v1.cpu, "cpu.cfs_quota_us")} ${read(v1.cpu, "cpu.cfs_period_us")}`,
        memory: read(v1.memory, "memory.limit_in_bytes"),
        pids: read(v1.pids, "pids.max"),
      };
    case "cgroup2":
      return { quota: read(v2, "cpu.max"), memory: read(v2, "memory.max"), pids: read(v2, "pids.max") };
    case "nice":
      return { quota: "none", memory: "none", pids: "none" };
  }
}

/** What stands where nothing can be held. */
const where = <T>(held: T, onlyNice: T): T => (groups.kind === "nice" ? onlyNice : held);

test("it is said how machines are held, and what to do where they hardly are", () => {
  if (groups.kind === "nice") expect(groups.warning).toContain("Delegate=yes");
  else expect(groups.warning).toBeNull();
});

test("a machine's process is in its group with all that it starts, and the limits are the kernel's", async () => {
  const group = await groups.create("mch_a", machineLimits(64, 40));
  const parent = start("sh", "-c", "read word; sh -c 'while :; do :; done' & wait");
  await group.add(parent.pid);
  parent.stdin.end("begin\n");
  await expect.poll(() => childrenOf(parent.pid)).toHaveLength(1);
  const [child = 0] = await childrenOf(parent.pid);
  expect(limitsOf("mch_a")).toEqual({
    quota: where("200000 500000", "none"),
    memory: where(String(160 * MIB), "none"),
    pids: where("96", "none"),
  });
  const held = readFileSync(`/proc/${child}/cgroup`, "utf8").includes(`/ringside-${cell}/mch_a\n`);
  expect(held).toBe(where(true, false));
  expect(getPriority(child)).toBe(where(0, MACHINE_NICENESS_MIN));
  expect(await groups.names()).toEqual(where(["mch_a"], []));

  await group.set({ cpuPercent: 10, memoryBytes: 200 * MIB, pidsMax: 20 });
  await group.set({ cpuPercent: 90, memoryBytes: 150 * MIB, pidsMax: 30 });
  expect(limitsOf("mch_a")).toEqual({
    quota: where("450000 500000", "none"),
    memory: where(String(150 * MIB), "none"),
    pids: where("30", "none"),
  });
  process.kill(child, "SIGKILL");
  await end(parent);
});

test("the time that a group's processes used is counted", async () => {
  const group = await groups.create("mch_b", machineLimits(64));
  const busy = start("sh", "-c", "while :; do :; done");
  await group.add(busy.pid);
  await expect.poll(() => group.cpuSeconds(), { timeout: 10_000 }).toBeGreaterThan(0.05);
  await end(busy);
});

test("a group is removed when its last process is gone, and kills none for it", async () => {
  const group = await groups.create("mch_c", machineLimits(64));
  const child = start("sleep", "60");
  await group.add(child.pid);
  const removing = group.remove();
  expect(existsSync(`/proc/${child.pid}`)).toBe(true);
  await end(child);
  await removing;
  expect(await groups.names()).not.toContain("mch_c");
  await group.remove();
});

test("another runner's leftover is found by its name and removed", async () => {
  await groups.create("mch_left", machineLimits(64));
  await using later = await MachineGroups.open({ cell });
  expect(await later.names()).toEqual(expect.arrayContaining(where(["mch_left"], [])));
  await later.removeByName("mch_left");
  await later.removeByName("mch_never");
  expect(await groups.names()).not.toContain("mch_left");
});

test("a name that is no file name is our own mistake", async () => {
  const named = (name: string): Promise<MachineGroup> => groups.create(name, machineLimits(64));
  if (groups.kind !== "nice") await expect(named("../../memory")).rejects.toThrow("cannot name a control group");
  await expect(MachineGroups.open({ cell: "../x" })).rejects.toThrow("cannot name a control group");
});

test("where no controllers are ours, machines are nice and the operator is told what to do", async () => {
  await using nice = await MachineGroups.open({ cell, own: { v1: {}, v2: "/nowhere" } });
  expect(nice.kind).toBe("nice");
  expect(nice.warning).toContain("no control groups can be made");
  expect(nice.warning).toContain("Delegate=yes");
  const group = await nice.create("mch_d", machineLimits(64));
  const child = start("sh", "-c", "while :; do :; done");
  await group.add(child.pid);
  expect(getPriority(child.pid)).toBe(MACHINE_NICENESS_MIN);
  await expect.poll(() => group.cpuSeconds(), { timeout: 10_000 }).toBeGreaterThan(0);
  await end(child);
  await group.remove();
  expect(await nice.names()).toEqual([]);
});

test("a read-only tree leaves niceness, and the reason in words", async () => {
  const readOnly = "/proc/self";
  const v1 = { cpu: readOnly, cpuacct: readOnly, memory: readOnly, pids: readOnly };
  await using nice = await MachineGroups.open({ cell, own: { v1, v2: null } });
  expect(nice.warning).toMatch(/was refused: E[A-Z]+\. Run/);
});
