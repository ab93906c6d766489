import {
  type Confinement,
  cloneMachine,
  coldBoot,
  JAIL_USER_ID_MIN,
  type Machine,
  type MachineEnd,
  type MachinePlace,
  preparePlace,
  TemplateFault,
  type TemplateStore,
  within,
} from "@ringside/emulator";
import { type Arch, MACHINE_START_TIMEOUT_MS, type START_HOWS, type StartJob } from "@ringside/shared";
import type { Logger } from "pino";
import type { Images } from "./images.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { Slot } from "./slots.ts";

/** A machine that runs, as far as its host is concerned. */
export interface StartedMachine {
  /** QEMU's process id. */
  readonly pid: number;
  /** See `machine.json`. */
  readonly consoleStart: string;
  readonly ended: Promise<MachineEnd>;
  readonly stop: () => Promise<void>;
  readonly how: (typeof START_HOWS)[number];
  readonly qemuVersion: string;
  readonly arch: Arch;
}

/** Brings a machine up for a job: the edge between the runner's logic and the emulator. */
export type StartMachine = (job: StartJob, name: string, slot: Slot, signal: AbortSignal) => Promise<StartedMachine>;

/** How machines of a slot are confined. Slot 0 is for templates. */
export function confinementOf(slot: Slot | 0, insecureNoJail: boolean): Confinement {
  if (insecureNoJail) return { kind: "none" };
  return { kind: "jail", userId: process.getuid?.() === 0 ? JAIL_USER_ID_MIN + slot : undefined };
}

export interface FactoryOptions {
  readonly directory: RunDirectory;
  readonly images: Images;
  readonly templates: TemplateStore;
  readonly insecureNoJail: boolean;
  readonly log: Logger;
}

async function started(machine: Machine, rest: Pick<StartedMachine, "how" | "qemuVersion" | "arch">) {
  const pid = await machine.process.pid();
  return { pid, consoleStart: machine.consoleStart, ended: machine.ended, stop: () => machine.stop(), ...rest };
}

/**
 * Machines start as clones of their image's template. Where the template does not load, the machine boots cold:
 * slower, but there; the template is then made anew by the next start.
 */
export function machineFactory(options: FactoryOptions): StartMachine {
  const { directory, images, templates, insecureNoJail, log } = options;
  return async (job, name, slot, signal) => {
    const { memoryMib, parameters } = job;
    const image = await images.find(job.image);
    const { arch } = image;
    const qemuVersion = await templates.qemuVersion(arch);
    const place = { name, folder: directory.machinePath(name), confinement: confinementOf(slot, insecureNoJail) };
    const patience = { timeoutMs: MACHINE_START_TIMEOUT_MS, signal };
    try {
      const template = await within(templates.get(image, memoryMib), patience, "the image's template");
      await freshPlace(directory, place);
      const cloning = cloneMachine({ place, template, parameters, signal });
      const machine = await cloning.catch(async (error) => {
        if (error instanceof TemplateFault) await templates.discard(template);
        throw error;
      });
      return started(machine, { how: "clone", qemuVersion, arch });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TemplateFault)) throw error;
      log.warn({ error, name }, "no machine from the template: booting cold");
    }
    await freshPlace(directory, place);
    const machine = await coldBoot({ place, arch, memoryMib, image, parameters, signal });
    return started(machine, { how: "cold", qemuVersion, arch });
  };
}

async function freshPlace(directory: RunDirectory, place: MachinePlace): Promise<void> {
  await directory.removeMachine(place.name);
  await preparePlace(place);
}
