import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesWithArgument } from "@ringside/emulator";
import { type MachineFile, machineFileSchema, newId } from "@ringside/shared";
import { afterAll, expect, test } from "vitest";
import { reapMachines, reapTemplates } from "./reaper.ts";
import { RunDirectory } from "./run-directory.ts";

const base = mkdtempSync(join(tmpdir(), "rs-run-"));
let count = 0;
const fresh = (): string => join(base, String(++count));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function file(): MachineFile {
  const [session, user, image] = [newId("ses"), newId("usr"), "a".repeat(64)];
  const rest = {
    lab: "net-listen",
    arch: "x86_64",
    parameters: { backlog: 3 },
    qemuVersion: "QEMU 7.2",
    pid: 42,
    consoleStart: "MenuOS>>",
  } as const;
  return { session, epoch: 1, user, image, ...rest };
}

test("machine.json appears whole, and goes with its folder", async () => {
  await using directory = await RunDirectory.open(fresh());
  await mkdir(directory.machinePath("x.1"));
  const written = file();
  await directory.announceMachine("x.1", written);
  const path = join(directory.machinePath("x.1"), "machine.json");
  expect(machineFileSchema.parse(JSON.parse(readFileSync(path, "utf8")))).toEqual(written);
  expect(await readdir(directory.machinePath("x.1"))).toEqual(["machine.json"]);
  await directory.removeMachine("x.1");
  expect(await directory.machineNames()).toEqual([]);
});

test("folders may be passed through but not looked into", async () => {
  const path = fresh();
  await using directory = await RunDirectory.open(path);
  for (const folder of [path, directory.machines, directory.templates]) {
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
  const [orphan, ours, stranger] = [`${newId("ses")}.1`, `${newId("ses")}.2`, `${newId("ses")}.3`];
  const processes = [orphan, ours, stranger].map((name) => spawn("bash", ["-c", "sleep 600 & wait", name]));
  for (const name of [orphan, ours]) {
    await mkdir(directory.machinePath(name));
    await writeFile(join(directory.machinePath(name), "machine.json"), "{}");
  }
  await mkdir(join(directory.templates, "template-1"));
  await expect.poll(() => processesWithArgument(orphan)).toHaveLength(1);
  expect(await reapMachines(directory, (name) => name === ours)).toEqual({ folders: 1, processes: 1 });
  expect(await processesWithArgument(orphan)).toEqual([]);
  expect(await processesWithArgument(ours)).toHaveLength(1);
  expect(await processesWithArgument(stranger)).toHaveLength(1);
  expect(await directory.machineNames()).toEqual([ours]);
  expect(await reapTemplates(directory)).toEqual({ folders: 1, processes: 0 });
  for (const child of processes) child.kill("SIGKILL");
});
