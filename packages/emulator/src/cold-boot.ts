import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Arch, CONSOLE_SOCKET, type MachineStart, type Parameters } from "@ringside/shared";
import { waitForPrompt } from "./console-prompt.ts";
import { BOOT_TIMEOUT_MS } from "./limits.ts";
import { type Machine, startMachine } from "./machine.ts";
import { type BootImage, bringBootFiles, type MachinePlace, sealPlace } from "./machine-place.ts";
import { commandLineWith } from "./parameters-page.ts";

export interface ColdBootOptions {
  /** A prepared, empty place: see preparePlace. */
  readonly place: MachinePlace;
  readonly arch: Arch;
  readonly memoryMib: number;
  readonly image: BootImage;
  readonly parameters: Parameters;
  /** Where it waits: at its program's prompt, or before its first instruction. */
  readonly start: MachineStart;
  readonly signal?: AbortSignal;
}

/**
 * Boots a machine from its kernel, without a template, its parameters in the command line: the slow way.
 * It is at its prompt and running when this returns, and what it wrote to the console until then is its
 * `consoleStart`; or its processor stands at the reset vector, and a debugger, or QMP's `cont`, lets it run.
 * @throws RingsideError `timeout`, `machine_gone`, `machine_unresponsive`
 */
export async function coldBoot(options: ColdBootOptions): Promise<Machine> {
  const { place, arch, memoryMib, image, parameters, start } = options;
  const commandLine = commandLineWith(image.commandLine, parameters);
  const boot = await bringBootFiles(place, { ...image, commandLine });
  const qemu = { ...place, arch, memoryMib, mode: { kind: "cold" as const, boot, start }, files: [] };
  return startMachine(qemu, options.signal, async (machine, signal) => {
    machine.enter("booting");
    await machine.qmp.negotiate(signal);
    await sealPlace(place);
    if (start === "prompt") {
      const console = join(place.folder, CONSOLE_SOCKET);
      machine.consoleStart = await waitForPrompt(console, image.prompt, { timeoutMs: BOOT_TIMEOUT_MS, signal });
    }
    machine.enter(start === "prompt" ? "running" : "paused");
    // QEMU had read them before it answered.
    await Promise.all(["kernel", "initrd"].map((name) => rm(join(place.folder, name))));
  });
}
