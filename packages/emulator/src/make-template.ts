import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CONSOLE_SOCKET, RingsideError } from "@ringside/shared";
import { waitForPrompt } from "./console-prompt.ts";
import { BOOT_TIMEOUT_MS, PROMPT_SETTLE_MS, TEMPLATE_STATE_BYTES_MAX } from "./limits.ts";
import { startMachine } from "./machine.ts";
import { type BootImage, bringBootFiles, type MachinePlace, preparePlace } from "./machine-place.ts";
import { readState } from "./migration.ts";
import { findParametersPage } from "./parameters-page.ts";
import { folderInside } from "./qemu-process.ts";
import { copySparse } from "./sparse-copy.ts";
import { MEMORY_FILE, STATE_FILE, syncToDisk, TEMPLATE_FILE, type TemplateFile, templateContents } from "./template.ts";

export interface MakeTemplateOptions {
  /** Where the machine boots: prepared by us, removed at the end. */
  readonly place: MachinePlace;
  readonly image: BootImage;
  readonly file: Omit<TemplateFile, "contents" | "stateBytes" | "parametersAt" | "consoleStart">;
  /** Where the template shall be: appears whole or not at all. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

/** Gives what the guest had written to its console when it was frozen. */
async function bootAndFreeze(options: MakeTemplateOptions, making: string): Promise<string> {
  const { place, image, file } = options;
  const boot = await bringBootFiles(place, image);
  const memoryFile = `${folderInside(place.confinement, place.folder)}/${MEMORY_FILE}`;
  const mode = { kind: "template" as const, boot, memoryFile };
  const qemu = { ...place, arch: file.arch, memoryMib: file.memoryMib, mode, files: [] };
  await using frozen = await startMachine(qemu, options.signal, async (machine, signal) => {
    machine.enter("booting");
    await machine.qmp.negotiate(signal);
    const console = join(place.folder, CONSOLE_SOCKET);
    machine.consoleStart = await waitForPrompt(console, image.prompt, { timeoutMs: BOOT_TIMEOUT_MS, signal });
    await sleep(PROMPT_SETTLE_MS, undefined, { signal });
    machine.enter("running");
    await machine.qmp.execute("stop", {}, { signal });
    machine.enter("paused");
    const state = await readState(machine, place, TEMPLATE_STATE_BYTES_MAX, signal);
    await writeFile(join(making, STATE_FILE), state, { flag: "wx", mode: 0o600 });
  });
  return frozen.consoleStart;
}

async function parametersIn(making: string, memoryMib: number): Promise<number> {
  await using memory = await open(join(making, MEMORY_FILE), "r");
  return findParametersPage(memory, memoryMib * 1024 * 1024);
}

async function putInPlace(making: string, folder: string): Promise<void> {
  try {
    await rename(making, folder);
  } catch (error) {
    // Somebody else was first: theirs is as good.
    if (!["ENOTEMPTY", "EEXIST"].includes(String((error as NodeJS.ErrnoException).code))) throw error;
    await rm(making, { recursive: true, force: true });
  }
  await syncToDisk(dirname(folder));
}

/**
 * Boots an image to its prompt, freezes it and writes the template.
 * @throws RingsideError `timeout` when the prompt does not come, `machine_gone`, `internal`
 */
export async function makeTemplate(options: MakeTemplateOptions): Promise<void> {
  const { place, folder, file } = options;
  const making = join(dirname(folder), `.${file.key}.${randomUUID()}`);
  await mkdir(making, { recursive: true, mode: 0o700 });
  try {
    await preparePlace(place);
    const consoleStart = await bootAndFreeze(options, making);
    await copySparse(join(place.folder, MEMORY_FILE), join(making, MEMORY_FILE));
    const { size } = await stat(join(making, STATE_FILE));
    if (size === 0) throw new RingsideError("internal", { message: "the machine's saved state is empty" });
    const parametersAt = await parametersIn(making, file.memoryMib);
    const contents = await templateContents(making);
    const whole: TemplateFile = { ...file, contents, stateBytes: size, parametersAt, consoleStart };
    await writeFile(join(making, TEMPLATE_FILE), `${JSON.stringify(whole)}\n`, { flag: "wx", mode: 0o600 });
    for (const name of [STATE_FILE, TEMPLATE_FILE, ""]) await syncToDisk(join(making, name));
    await putInPlace(making, folder);
  } finally {
    await rm(making, { recursive: true, force: true });
    await rm(place.folder, { recursive: true, force: true });
  }
}
