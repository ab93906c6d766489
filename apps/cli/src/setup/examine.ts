import { chmod, mkdtemp, rm } from "node:fs/promises";
import { freemem, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { JAIL_USER_ID_MIN, testJail } from "@ringside/emulator";
import { DATA_FOLDER_BYTES_MAX } from "../box/data-folder.ts";
import { freePort } from "../box/free-port.ts";
import type { Context } from "../context.ts";
import { defaultDataFolder } from "../environment.ts";
import { DISK_BYTES_MIN, MEMORY_BYTES_MIN } from "../limits.ts";
import { freeBytes, gibibytes } from "./disk.ts";
import {
  emulatorFinding,
  emulatorVersion,
  groupsFinding,
  savedMachinesFinding,
  templatesFinding,
} from "./examine-machines.ts";
import type { Finding } from "./finding.ts";
import { cacheFolder, imagesOfLabs, localImage } from "./image.ts";
import { missingRequirements, REQUIREMENTS, type Requirement } from "./requirements.ts";

/** Looks at everything that a box needs of this machine; changes nothing that stays. */
export async function examine(
  context: Context,
  data: string | undefined,
): Promise<{ readonly findings: readonly Finding[]; readonly missing: readonly Requirement[] }> {
  const folder = resolve(data ?? defaultDataFolder(context.environment, context.isRoot));
  const missing = await missingRequirements({ path: context.environment.PATH, without: [] });
  const findings: Finding[] = REQUIREMENTS.map((one) => ({
    name: one.package,
    state: missing.includes(one) ? "bad" : "good",
    words: one.purpose,
  }));
  const emulator = await emulatorVersion(cacheFolder(context));
  findings.push(
    ...[emulatorFinding(emulator), await jailFinding(context), await groupsFinding()],
    ...[folderFinding(folder), await diskFinding(folder), await savedMachinesFinding(folder), memoryFinding()],
  );
  for (const port of [8_080, 8_081]) findings.push(await portFinding(port));
  for (const name of await imagesOfLabs(context.repoRoot)) findings.push(await imageFinding(context, name));
  findings.push(await templatesFinding(cacheFolder(context), emulator));
  return { findings, missing };
}

async function jailFinding(context: Context): Promise<Finding> {
  const name = "confinement";
  const folder = await mkdtemp(join(tmpdir(), "rs-doctor-"));
  try {
    await chmod(folder, 0o711);
    await testJail(
      {
        name: "ringside-doctor",
        folder: join(folder, "probe"),
        confinement: { kind: "jail", userId: context.isRoot ? JAIL_USER_ID_MIN : undefined },
        group: null,
      },
      "x86_64",
      context.signal,
    );
    return { name, state: "good", words: "the emulator starts in its jail and sees nothing of this machine" };
  } catch (cause) {
    return { name, state: "bad", words: (cause as Error).message };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function folderFinding(folder: string): Finding {
  const bytes = Buffer.byteLength(folder);
  return bytes <= DATA_FOLDER_BYTES_MAX
    ? { name: "data folder", state: "good", words: folder }
    : {
        name: "data folder",
        state: "bad",
        words: `${folder}: longer than ${DATA_FOLDER_BYTES_MAX} bytes, too long for sockets`,
      };
}

async function diskFinding(folder: string): Promise<Finding> {
  const { bytes: free, at } = await freeBytes(folder);
  const words = `${gibibytes(free)} GiB free at ${at}`;
  return { name: "disk", state: free < DISK_BYTES_MIN ? "bad" : "good", words };
}

function memoryFinding(): Finding {
  const words = `${gibibytes(freemem())} of ${gibibytes(totalmem())} GiB free; a machine takes about 33 MiB`;
  return { name: "memory", state: totalmem() < MEMORY_BYTES_MIN ? "warning" : "good", words };
}

async function portFinding(port: number): Promise<Finding> {
  const free = (await freePort("127.0.0.1", port)) !== undefined;
  const words = free ? "free" : "taken: `ringside up` needs another with --port or --proxy-port, or runs already";
  return { name: `port ${port}`, state: free ? "good" : "warning", words };
}

async function imageFinding(context: Context, name: string): Promise<Finding> {
  const image = await localImage(context, name);
  const words = image
    ? `${image.manifest.kernelRelease} in ${image.folder}`
    : `not in ${cacheFolder(context)} yet: built when a lab first needs it, or by \`ringside image build --name ${name}\``;
  return { name: `image ${name}`, state: image ? "good" : "warning", words };
}
