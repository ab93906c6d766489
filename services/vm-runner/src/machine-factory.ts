import { join } from "node:path";
import {
  coldBoot,
  type LoadOptions,
  type Machine,
  machineLimits,
  type OpenedState,
  openState,
  RECORDING_FILE,
  saveState,
  type Template,
  TemplateFault,
  type TemplateImage,
  type TemplateStore,
  within,
} from "@ringside/emulator";
import { type Arch, MACHINE_START_TIMEOUT_MS, RingsideError, type StartHow, type StartJob } from "@ringside/shared";
import type { Logger } from "pino";
import type { Pass } from "./crash-points.ts";
import type { Images } from "./images.ts";
import { RECORDING_FINISH_MS } from "./limits.ts";
import type { OwnPlace, Places } from "./places.ts";
import type { Pool } from "./pool.ts";
import type { Origin, StartedMachine, StartMachine } from "./started-machine.ts";
import { type WarmMachine, warmKey, warmKind } from "./warm-machine.ts";

export interface FactoryOptions {
  readonly places: Places;
  readonly pool: Pool<WarmMachine>;
  readonly images: Images;
  readonly templates: TemplateStore;
  readonly pass: Pass;
  readonly log: Logger;
}

/** What a clone is given. */
type Load = Pick<LoadOptions, "state" | "run">;

/** A machine in its place, and what it came from. */
interface Up {
  readonly machine: Machine;
  /** See StartedMachine. */
  readonly resumed: Promise<void>;
  readonly place: OwnPlace;
  readonly how: StartHow;
  readonly qemuVersion: string;
  readonly arch: Arch;
  readonly template: Template | null;
}

/**
 * Machines come from the pool; where none waits they are spawned as clones of their image's template; where the
 * template does not load they boot cold: slower, but there. The template is then made anew by the next start.
 * What was saved, and what is to be recorded, needs its template.
 */
export class MachineFactory {
  readonly #with: FactoryOptions;
  #toldOfNudges = false;

  constructor(options: FactoryOptions) {
    this.#with = options;
  }

  readonly start: StartMachine = async (job, origin, signal) => {
    const { templates, images, log } = this.#with;
    if (origin.kind !== "fresh") {
      const state = await openState(origin.file);
      const template = await this.#templateOf(state, job);
      const run = origin.kind === "state" || origin.run === "as-before" ? state.header.runOn : false;
      return this.#started(await this.#clone(job, template, { state, run }, signal), job, origin);
    }
    const image = await images.find(job.image);
    if (job.start === "power_on") return this.#boot(job, image, origin, signal);
    const patience = { timeoutMs: MACHINE_START_TIMEOUT_MS, signal };
    const template = await within(templates.get(image, job.memoryMib), patience, "the image's template");
    try {
      return await this.#started(await this.#clone(job, template, { run: true }, signal), job, origin);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TemplateFault)) throw error;
      log.warn({ error, template: template.key }, "a template does not load");
      await templates.discard(template);
      for (const recording of [false, true]) await this.#with.pool.forget(warmKey(template.contents, recording));
      if (job.record) throw error;
    }
    log.warn({ session: job.session }, "no machine from the template: booting cold");
    return this.#boot(job, image, origin, signal);
  };

  /** A machine without a template: booted to its prompt, or about to boot. */
  async #boot(job: StartJob, image: TemplateImage, origin: Origin, signal: AbortSignal): Promise<StartedMachine> {
    const { places, templates, pass } = this.#with;
    const { memoryMib, parameters, cpuPercent, start } = job;
    const { arch } = image;
    const place = await places.make(machineLimits(memoryMib, cpuPercent));
    try {
      pass("after-spawn");
      const machine = await coldBoot({ place, arch, memoryMib, image, parameters, start, signal });
      const qemuVersion = await templates.qemuVersion(arch);
      const up = {
        machine,
        resumed: Promise.resolve(),
        place,
        how: "cold" as const,
        qemuVersion,
        arch,
        template: null,
      };
      return await this.#started(up, job, origin);
    } catch (error) {
      await place.remove();
      throw error;
    }
  }

  async #templateOf(state: OpenedState, job: StartJob): Promise<Template> {
    const template = await this.#with.templates.withContents(state.header.template);
    if (template !== null && template.image === job.image) return template;
    const why = template === null ? "its template is not on this host any more" : "it is of another image";
    throw new RingsideError("state_damaged", { message: `The machine's saved state cannot be loaded: ${why}` });
  }

  /** A clone from the pool, or spawned. One that does not load is tried once more: it may have been killed just then. */
  async #clone(job: StartJob, template: Template, what: Load, signal: AbortSignal): Promise<Up> {
    const { places, pool, pass, log } = this.#with;
    const kind = warmKind(places, template, job.record);
    pass("before-spawn");
    const waiting = pool.take(kind);
    const first = waiting ?? (await kind.make(signal));
    pass("after-spawn");
    try {
      return await this.#load(first, job, what, waiting === null ? "clone" : "pool", signal);
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      log.warn({ error, session: job.session }, "a clone did not load: once more");
    }
    try {
      return await this.#load(await kind.make(signal), job, what, "clone", signal);
    } catch (error) {
      if (!(error instanceof TemplateFault) || what.state === undefined) throw error;
      throw new RingsideError("state_damaged", { cause: error });
    }
  }

  async #load(warm: WarmMachine, job: StartJob, what: Load, how: StartHow, signal: AbortSignal): Promise<Up> {
    const { pass, log } = this.#with;
    const { place, prewarmed } = warm;
    const { template } = prewarmed;
    try {
      const { run, ...state } = what;
      const machine = await prewarmed.load({ parameters: job.parameters, ...state, run: false, signal });
      const resumed = run ? resume(machine, signal) : Promise.resolve();
      // It has the pool's share of CPU until then: no reason to wait.
      place.group.set(machineLimits(job.memoryMib, job.cpuPercent)).catch((error) => {
        log.error({ error, machine: place.name }, "a machine's limits could not be set: it keeps the pool's");
      });
      pass("after-load");
      return { machine, resumed, place, how, qemuVersion: template.qemuVersion, arch: template.arch, template };
    } catch (error) {
      await warm.end();
      throw error;
    }
  }

  async #started(up: Up, job: StartJob, origin: Origin): Promise<StartedMachine> {
    const { machine, resumed, place, how, qemuVersion, arch, template } = up;
    const pid = await machine.process.pid();
    place.pid = pid;
    return {
      ...{ name: place.name, pid, how, qemuVersion, arch },
      // What a machine wrote before it slept was seen then.
      consoleStart: origin.kind === "hibernated" ? "" : machine.consoleStart,
      template: template?.contents ?? null,
      resumed,
      ended: machine.ended,
      show: (file) => place.show(file),
      hide: () => place.hide(),
      stop: () => machine.stop(),
      quit: () => within(machine.quit(), { timeoutMs: RECORDING_FINISH_MS }, "the end of the recording"),
      async save(file, runOn) {
        if (template === null) {
          const message =
            job.start === "power_on"
              ? "This lab's machines start at power-on: they cannot be saved, hibernated or forked"
              : "This machine was booted without a template, and cannot be saved: reset it first";
          throw new RingsideError("conflict", { message });
        }
        const { bytes } = await saveState(machine, place, { template, file, runOn, signal: machine.gone });
        return bytes;
      },
      nudge: () => this.#nudge(machine, qemuVersion),
      recordingLog: () => (job.record ? join(place.folder, RECORDING_FILE) : null),
      remove: () => place.remove(),
    };
  }

  async #nudge(machine: Machine, qemuVersion: string): Promise<boolean> {
    if ((await machine.vcpu.nudge()) === "nudged") return true;
    if (!this.#toldOfNudges) {
      this.#toldOfNudges = true;
      this.#with.log.warn(
        { qemuVersion },
        "QEMU cannot be nudged: what is typed at recorded machines may take a second",
      );
    }
    return false;
  }
}

/** Lets the guest run. Whether the machine is still its session's is asked for meanwhile, so this does not wait. */
function resume({ qmp, gone }: Machine, signal: AbortSignal): Promise<void> {
  const resumed = qmp.execute("cont", {}, { signal: AbortSignal.any([gone, signal]) }).then(() => undefined);
  resumed.catch(() => undefined); // the host waits for it, or has another reason to end the machine
  return resumed;
}
