import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { addProcess, makeGroup, writeSettings } from "./cgroup-folder.ts";
import { cpuSecondsV2, hasControllersV2, machineSettingsV2, makeParentV2, parentSettingsV2 } from "./cgroup-v2.ts";
import { machineLimits } from "./machine-group.ts";

// A copy of such a tree, made of plain files: the kernel's own rules are not in it.
let own = "";
beforeEach(async () => {
  own = await mkdtemp(join(tmpdir(), "rs-cgroup2-"));
  await writeFile(join(own, "cgroup.controllers"), "cpuset cpu io memory hugetlb pids\n");
  await writeFile(join(own, "cgroup.subtree_control"), "\n");
  await mkdir(join(own, "ringside-one"));
  await writeFile(join(own, "ringside-one", "cgroup.subtree_control"), "\n");
});
afterEach(() => rm(own, { recursive: true, force: true }));

const read = (...path: string[]): Promise<string> => readFile(join(own, ...path), "utf8");

test("controllers are enabled for the machines' parent and for the machines, and the parent weighs less than we do", async () => {
  const parent = await makeParentV2(own, "ringside-one");
  expect(parent).toBe(join(own, "ringside-one"));
  await writeSettings(parentSettingsV2(parent));
  expect(await read("cgroup.subtree_control")).toBe("+cpu +memory +pids");
  expect(await read("ringside-one", "cgroup.subtree_control")).toBe("+cpu +memory +pids");
  expect(await read("ringside-one", "cpu.weight")).toBe("50");
});

test("what is enabled already is not asked for again", async () => {
  await writeFile(join(own, "cgroup.subtree_control"), "cpu io memory pids\n");
  await makeParentV2(own, "ringside-one");
  expect(await read("cgroup.subtree_control")).toBe("cpu io memory pids\n");
});

test("a machine gets its quota, weight, memory without swap, and processes", async () => {
  const folder = join(own, "ringside-one", "mch_x");
  await makeGroup(folder);
  await writeSettings(machineSettingsV2(folder, machineLimits(64, 25)));
  await addProcess(folder, 4711);
  const names = (await readdir(folder)).sort();
  const found = await Promise.all(names.map(async (name) => [name, await read("ringside-one", "mch_x", name)]));
  expect(Object.fromEntries(found)).toEqual({
    "cgroup.procs": "4711",
    "cpu.max": "125000 500000",
    "cpu.max.burst": "125000",
    "cpu.weight": "50",
    "memory.max": String((64 + 96) * 1024 * 1024),
    "memory.oom.group": "1",
    "memory.swap.max": "0",
    "pids.max": "96",
  });
  await writeFile(join(folder, "cpu.stat"), "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n");
  expect(await cpuSecondsV2(folder)).toBe(2.5);
});

test("without all controllers, version 2 is of no use", async () => {
  expect(await hasControllersV2(own)).toBe(true);
  await writeFile(join(own, "cgroup.controllers"), "cpu memory\n");
  expect(await hasControllersV2(own)).toBe(false);
  expect(await hasControllersV2(join(own, "nowhere"))).toBe(false);
});

test("a service that was born among the services finds the machines' group beside its own", async () => {
  const services = join(own, "ringside-services");
  await mkdir(services);
  expect(await hasControllersV2(services)).toBe(true);
  expect(await makeParentV2(services, "ringside-one")).toBe(join(own, "ringside-one"));
});
