import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { MachineGroups, TemplateStore } from "@ringside/emulator";
import { z } from "zod";
import { TEMPLATES_LOOKED_AT_MAX } from "../limits.ts";
import { freeBytes, gibibytes } from "./disk.ts";
import type { Finding } from "./finding.ts";

/** QEMU's version as it says it; undefined where it does not start. */
export async function emulatorVersion(cacheFolder: string): Promise<string | undefined> {
  const folders = { cacheFolder, workFolder: cacheFolder };
  await using store = new TemplateStore({ ...folders, confinement: { kind: "none" } });
  return store.qemuVersion("x86_64").catch(() => undefined);
}

export function emulatorFinding(version: string | undefined): Finding {
  const name = "emulator version";
  if (version !== undefined) return { name, state: "good", words: version };
  return { name, state: "bad", words: "`qemu-system-x86_64 --version` fails: install qemu-system-x86 (again)" };
}

const GROUPS = { cgroup1: "version 1, writable", cgroup2: "version 2, writable", nice: "none" } as const;

/** Whether machines can be held to their share of CPU and memory. */
export async function groupsFinding(): Promise<Finding> {
  await using groups = await MachineGroups.open({ cell: "doctor" });
  const { kind, warning } = groups;
  const name = "control groups";
  if (warning === null) return { name, state: "good", words: `${GROUPS[kind]}: machines get limits of their own` };
  return { name, state: "warning", words: warning };
}

const templateSchema = z.object({ memoryMib: z.int(), qemuVersion: z.string() });

/** The templates in the cache: how many, how old, and whether the QEMU of now can use them. */
export async function templatesFinding(cacheFolder: string, emulator: string | undefined): Promise<Finding> {
  const name = "templates";
  const folder = join(cacheFolder, "templates");
  const names = (await readdir(folder).catch((): string[] => [])).filter((entry) => !entry.startsWith("."));
  const found = await Promise.all(
    names.slice(0, TEMPLATES_LOOKED_AT_MAX).map((entry) => readTemplate(join(folder, entry))),
  );
  const templates = found.filter((one) => one !== undefined);
  if (templates.length === 0) {
    return { name, state: "good", words: "none yet: the first start of an image makes one, in about a second" };
  }
  const ages = templates
    .toSorted((a, b) => b.madeAtMs - a.madeAtMs)
    .map(({ memoryMib, madeAtMs }) => `${memoryMib} MiB, ${ageText(Date.now() - madeAtMs)} old`);
  const others = templates.filter(({ qemuVersion }) => qemuVersion !== emulator).length;
  const other = others === 0 ? "" : `; ${others} of another QEMU, kept only while saved machines need it`;
  return { name, state: "good", words: `${templates.length} (${ages.join("; ")})${other}` };
}

async function readTemplate(folder: string) {
  const file = join(folder, "template.json");
  try {
    const parsed = templateSchema.parse(JSON.parse(await readFile(file, "utf8")));
    return { ...parsed, madeAtMs: (await stat(file)).mtimeMs };
  } catch {
    // Half made, or of another version of Ringside: the store sees to it.
    return undefined;
  }
}

/** A saved machine is some hundred kB; with much memory written to, some MB. */
const SAVED_MACHINE_BYTES = 1024 * 1024;
const SAVED_MACHINES_MIN = 1_000;

/** Room for hibernated sessions and checkpoints. */
export async function savedMachinesFinding(dataFolder: string): Promise<Finding> {
  const { bytes, at } = await freeBytes(join(dataFolder, "data", "states"));
  const room = Math.floor(bytes / SAVED_MACHINE_BYTES);
  const words = `${gibibytes(bytes)} GiB free at ${at}: room for about ${room} hibernated machines of 1 MiB`;
  return { name: "disk for states", state: room < SAVED_MACHINES_MIN ? "warning" : "good", words };
}

/** A time for people, in its largest whole unit. */
export function ageText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
