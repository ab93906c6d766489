import assert from "node:assert/strict";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { addProcess, type GroupSetting, makeGroup, removeGroup, writeSettings } from "./cgroup-folder.ts";
import { CONTROLLERS, findOwnGroups, type OwnGroups } from "./cgroup-mounts.ts";
import { cpuSecondsV1, type Folders, machineSettingsV1, parentSettingsV1 } from "./cgroup-v1.ts";
import { cpuSecondsV2, hasControllersV2, machineSettingsV2, makeParentV2, parentSettingsV2 } from "./cgroup-v2.ts";
import { type GroupLimits, type MachineGroup, machineLimits } from "./machine-group.ts";
import { NiceGroup } from "./nice-group.ts";

/** A machine's name becomes a folder's. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const PROBE = "self-test";
const PROBE_MEMORY_MIB = 32;

/** The trees in which machines' groups are made, and what is written there. */
interface Trees {
  readonly kind: "cgroup1" | "cgroup2";
  /** The folders that hold all machines, each once. */
  readonly parents: readonly string[];
  readonly settings: (machine: string, limits: GroupLimits) => readonly GroupSetting[];
  readonly cpuSeconds: (machine: string) => Promise<number>;
}

const foldersV1 = (own: Folders, name: string): Folders => ({
  cpu: join(own.cpu, name),
  cpuacct: join(own.cpuacct, name),
  memory: join(own.memory, name),
  pids: join(own.pids, name),
});

async function treesV1(own: Folders, name: string): Promise<Trees> {
  const all = foldersV1(own, name);
  const parents = [...new Set(CONTROLLERS.map((controller) => all[controller]))];
  for (const parent of parents) await makeGroup(parent);
  await writeSettings(parentSettingsV1(all));
  return {
    ...{ kind: "cgroup1", parents },
    settings: (machine, limits) => machineSettingsV1(foldersV1(all, machine), limits),
    cpuSeconds: (machine) => cpuSecondsV1(foldersV1(all, machine)),
  };
}

async function treesV2(own: string, name: string): Promise<Trees> {
  const parent = await makeParentV2(own, name);
  await writeSettings(parentSettingsV2(parent));
  return {
    ...{ kind: "cgroup2", parents: [parent] },
    settings: (machine, limits) => machineSettingsV2(join(parent, machine), limits),
    cpuSeconds: (machine) => cpuSecondsV2(join(parent, machine)),
  };
}

/** The trees that can be used here. Throws where there are none, with the reason. */
async function findTrees({ v1, v2 }: OwnGroups, name: string): Promise<Trees> {
  if (v2 !== null && (await hasControllersV2(v2))) return treesV2(v2, name);
  const { cpu, cpuacct, memory, pids } = v1;
  if (cpu !== undefined && cpuacct !== undefined && memory !== undefined && pids !== undefined) {
    return treesV1({ cpu, cpuacct, memory, pids }, name);
  }
  throw new Error("the controllers cpu, memory and pids are not there for us");
}

class ControlGroup implements MachineGroup {
  readonly #trees: Trees;
  readonly #name: string;

  constructor(trees: Trees, name: string) {
    assert(NAME.test(name), `${name} cannot name a control group`);
    this.#trees = trees;
    this.#name = name;
  }

  async make(limits: GroupLimits): Promise<void> {
    await Promise.all(this.#folders().map(makeGroup));
    await this.set(limits);
  }

  async add(pid: number): Promise<void> {
    for (const folder of this.#folders()) await addProcess(folder, pid);
  }

  set(limits: GroupLimits): Promise<void> {
    return writeSettings(this.#trees.settings(this.#name, limits));
  }

  cpuSeconds(): Promise<number> {
    return this.#trees.cpuSeconds(this.#name);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#folders().map(removeGroup));
  }

  #folders(): readonly string[] {
    return this.#trees.parents.map((parent) => join(parent, this.#name));
  }
}

const WHAT_TO_DO =
  "Run Ringside as root or, under systemd, with Delegate=yes; in a container give it a writable /sys/fs/cgroup";

export interface MachineGroupsOptions {
  /** Unique among the cells of this host: leftovers under this name are taken for ours. */
  readonly cell: string;
  /** Our own groups, for tests; otherwise those that /proc tells of. */
  readonly own?: OwnGroups;
}

/**
 * The control groups of one cell's machines: all in one parent group, `ringside-<cell>` below our own, which weighs
 * less than the services. Where none can be made, machines are only nice, and `warning` says so.
 */
export class MachineGroups implements AsyncDisposable {
  /** What the operator should know where machines are not held as they should be. */
  readonly warning: string | null;
  readonly #trees: Trees | null;

  private constructor(trees: Trees | null, warning: string | null) {
    this.#trees = trees;
    this.warning = warning;
  }

  get kind(): "cgroup1" | "cgroup2" | "nice" {
    return this.#trees?.kind ?? "nice";
  }

  /** Finds out what can be done here, and tries it. Never fails: see `warning`. */
  static async open(options: MachineGroupsOptions): Promise<MachineGroups> {
    const name = `ringside-${options.cell}`;
    assert(NAME.test(name), `${options.cell} cannot name a control group`);
    try {
      const read = (file: string): Promise<string> => readFile(`/proc/self/${file}`, "utf8");
      const own = options.own ?? findOwnGroups(await read("mountinfo"), await read("cgroup"));
      const groups = new MachineGroups(await findTrees(own, name), null);
      await groups.#try();
      return groups;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const warning = `Machines are held back by niceness alone, as no control groups can be made: ${why}. ${WHAT_TO_DO}`;
      return new MachineGroups(null, warning);
    }
  }

  /** Makes a machine's group. @throws RingsideError `internal` when the kernel refuses */
  async create(machine: string, limits: GroupLimits): Promise<MachineGroup> {
    if (this.#trees === null) return new NiceGroup();
    const group = new ControlGroup(this.#trees, machine);
    try {
      await group.make(limits);
    } catch (error) {
      await group.remove().catch(() => undefined);
      throw error;
    }
    return group;
  }

  /** The machines whose groups are there, whoever made them: what a runner that died has left is among them. */
  async names(): Promise<readonly string[]> {
    const parents = this.#trees?.parents ?? [];
    const found = await Promise.all(parents.map((parent) => readdir(parent, { withFileTypes: true }).catch(() => [])));
    const names = found.flat().flatMap((entry) => (entry.isDirectory() && NAME.test(entry.name) ? [entry.name] : []));
    return [...new Set(names)].sort();
  }

  /** Removes a leftover group, as MachineGroup.remove does. */
  async removeByName(machine: string): Promise<void> {
    if (this.#trees !== null) await new ControlGroup(this.#trees, machine).remove();
  }

  /** Removes the parent group, unless machines are still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const parent of this.#trees?.parents ?? []) await rmdir(parent).catch(() => undefined);
  }

  async #try(): Promise<void> {
    const group = await this.create(PROBE, machineLimits(PROBE_MEMORY_MIB));
    await group.cpuSeconds();
    await group.remove();
  }
}
