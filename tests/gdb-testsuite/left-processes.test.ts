import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { endLeftProcesses, processesIn } from "./left-processes.ts";

it("ends the processes of a run's folder and no others", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rs-left-"));
  const children = [folder, tmpdir()].map((cwd) => spawn("sleep", ["60"], { cwd }));
  const [ours, other] = children;
  if (ours === undefined || other === undefined) throw new Error("no children");
  try {
    await Promise.all(children.map((child) => once(child, "spawn")));
    const ended = once(ours, "exit");
    expect(await processesIn(folder)).toEqual([ours.pid]);
    await endLeftProcesses(folder);
    expect(await ended).toEqual([null, "SIGKILL"]);
    expect(await processesIn(folder)).toEqual([]);
    expect(other.exitCode).toBeNull();
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
});
