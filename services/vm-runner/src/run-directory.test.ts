import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MachineGroups, machineLimits, processesWithArgument } from "@ringside/emulator";
import { type MachineFile, machineFileSchema, newId } from "@ringside/shared";
import { afterAll, expect, test } from "vitest";
import { reapMachines, reapTemplates } from "./reaper.ts";
import { RunDirectory } from "./run-directory.ts";

const base = mkdtempSync(join(tmpdir(), "rs-run-"));
let count = 0;
const fresh = (): string => join(base, String(++count));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function file(machine: string): MachineFile {
  return machineFileSchema.parse({
    ...{ machine, session: newId("ses"), epoch: 1, user: newId("usr"), image: "a".repeat(64), lab: "net-listen" },
    ...{ arch: "x86_64", parameters: { backlog: 3 }, qemuVersion: "QEMU 7.2", pid: 42, consoleStart: "MenuOS>>" },
  });
}

test("a machine is shown whole, hidden whole, and removed", async () => {
  await using directory = await RunDirectory.open(fresh());
  const name = newId("mch");
  await mkdir(directory.poolPath(name));
  const written = file(name);
  await directory.show(name, written);
  const path = join(directory.shownPath(name), "machine.json");
  expect(machineFileSchema.parse(JSON.parse(readFileSync(path, "utf8")))).toEqual(written);
  expect(await readdir(directory.pool)).toEqual([]);
  await directory.hide(name);
  expect(await readdir(directory.machines)).toEqual([]);
  expect(await directory.machineFolders()).toEqual([{ name, folder: directory.poolPath(name) }]);
  await directory.remove(name);
  expect(await directory.machineFolders()).toEqual([]);
});

test("folders may be passed through but not looked into", async () => {
  const path = fresh();
  await using directory = await RunDirectory.open(path);
  for (const folder of [path, directory.machines, directory.pool, directory.templates]) {
    expect(statSync(folder).mode & 0o777).toBe(0o711);
  }
});

test("a second runner is refused as long as the first is there, and not after a crash", async () => {
  const path = fresh();
  const first = await RunDirectory.open(path);
  await expect(RunDirectory.open(path)).rejects.toMatchObject({ code: "conflict" });
  await first[Symbol.asyncDispose]();
  await (await RunDirectory.open(path))[Symbol.asyncDispose]();
  const crash = `const { createServer } = require("node:net"); createServer().listen(${JSON.stringify(join(path, "runner.sock"))}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", crash]), "exit");
  expect(await readdir(path)).toContain("runner.sock");
  await (await RunDirectory.open(path))[Symbol.asyncDispose]();
});

test("the reaper removes what no machine owns, its processes first, and leaves the others alone", async () => {
  await using directory = await RunDirectory.open(fresh());
  await using groups = await MachineGroups.open({ cell: `test-${process.pid}` });
  const [orphan, pooled, ours, stranger] = [newId("mch"), newId("mch"), newId("mch"), newId("mch")];
  const processes = [orphan, pooled, ours, stranger].map((name) => spawn("bash", ["-c", "sleep 600 & wait", name]));
  for (const name of [orphan, ours]) await mkdir(directory.shownPath(name));
  await mkdir(directory.poolPath(pooled));
  const left = await groups.create(orphan, machineLimits(64));
  const kept = await groups.create(ours, machineLimits(64));
  await mkdir(join(directory.templates, "template-1"));
  await expect.poll(() => processesWithArgument(orphan)).toHaveLength(1);
  const seen: string[] = [];
  const rescue = async (folder: string): Promise<void> => void seen.push(folder);
  const leftGroups = groups.kind === "nice" ? 0 : 1;
  const reap = () => reapMachines({ directory, groups, isOurs: (name) => name === ours, rescue });
  expect(await reap()).toEqual({ folders: 2, processes: 2, groups: leftGroups });
  expect(seen.toSorted()).toEqual([directory.shownPath(orphan), directory.poolPath(pooled)].toSorted());
  for (const name of [orphan, pooled]) expect(await processesWithArgument(name)).toEqual([]);
  for (const name of [ours, stranger]) expect(await processesWithArgument(name)).toHaveLength(1);
  expect((await directory.machineFolders()).map(({ name }) => name)).toEqual([ours]);
  expect(await groups.names()).toEqual(groups.kind === "nice" ? [] : [ours]);
  expect(await reap()).toEqual({ folders: 0, processes: 0, groups: 0 });
  expect(await reapTemplates(directory)).toMatchObject({ folders: 1, processes: 0 });
  for (const child of processes) child.kill("SIGKILL");
  for (const group of [left, kept]) await group.remove();
});
