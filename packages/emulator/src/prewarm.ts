import { type Parameters, RingsideError } from "@ringside/shared";
import { RESTORE_TIMEOUT_MS } from "./limits.ts";
import { type Machine, startMachine } from "./machine.ts";
import { type MachinePlace, makeConsolePipes, sealPlace } from "./machine-place.ts";
import { migrationCompleted, prepareMigration } from "./migration.ts";
import { parametersPage } from "./parameters-page.ts";
import type { Icount } from "./qemu-args.ts";
import { FIRST_FILE_FD, STATE_FD } from "./qemu-process.ts";
import type { OpenedState } from "./saved-state.ts";
import { composeStateStream, memoryBlock } from "./state-stream.ts";
import type { Template } from "./template.ts";

export interface PrewarmOptions {
  /** A prepared place: see preparePlace. */
  readonly place: MachinePlace;
  readonly template: Template;
  /** QEMU records everything that reaches the guest: into RECORDING_FILE in the machine's folder. */
  readonly recording?: boolean;
  /** QEMU runs from such a log, which is in the folder. */
  readonly replaying?: boolean;
  readonly signal?: AbortSignal;
}

export interface LoadOptions {
  readonly parameters: Parameters;
  /** Start from what was saved of a clone of this very template; it has its own parameters. */
  readonly state?: OpenedState;
  /** Let the guest run; without, it stands where its state was saved. */
  readonly run: boolean;
  readonly signal?: AbortSignal;
}

/** The template's state was not taken: another clone of it would fare the same. */
export class TemplateFault extends RingsideError {
  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super("internal", { message: `the template does not load: ${why}`, cause });
  }
}

/** A QEMU with a template's memory and devices that has no state yet: all that a start can have done beforehand. */
export class PrewarmedMachine implements AsyncDisposable {
  readonly place: MachinePlace;
  readonly template: Template;
  readonly recording: boolean;
  readonly machine: Machine;

  constructor(machine: Machine, { place, template, recording }: PrewarmOptions) {
    this.machine = machine;
    this.place = place;
    this.template = template;
    this.recording = recording === true;
  }

  /**
   * Gives it its state, and lets it run where asked to; nobody has seen it before. Only once.
   * @throws TemplateFault; RingsideError `state_damaged` for a state of another template; `machine_gone`,
   *   `machine_unresponsive`; `bad_request` for parameters that are too long. The machine is ended then.
   */
  async load(options: LoadOptions): Promise<Machine> {
    const { machine } = this;
    let loading = false;
    try {
      const stream = this.#streamOf(options);
      const signal = options.signal === undefined ? machine.gone : AbortSignal.any([machine.gone, options.signal]);
      machine.enter("restoring");
      loading = true;
      await this.#feed(stream, signal);
      loading = false;
      machine.enter("paused");
      machine.consoleStart = options.state === undefined ? this.template.consoleStart : "";
      if (options.run) await machine.qmp.execute("cont", {}, { signal });
      return machine;
    } catch (error) {
      const end = await Promise.race([machine.ended, machine.stop().then(() => null)]);
      options.signal?.throwIfAborted();
      // Silence is an overloaded host's fault, not the template's.
      const refused = error instanceof RingsideError && (error.code === "internal" || error.code === "machine_gone");
      throw loading && refused ? new TemplateFault(end === null || end.kind === "stopped" ? error : end.detail) : error;
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.stop();
  }

  #streamOf({ parameters, state }: LoadOptions): Buffer {
    const { template } = this;
    // The pages of firmware in the template's stream every QEMU has from its own files.
    const block = memoryBlock(template.stream, template.memoryMib);
    if (state === undefined) {
      const page = { block, address: template.parametersAt, content: parametersPage(parameters) };
      return composeStateStream(template.stream, [page]);
    }
    if (state.header.template !== template.contents) {
      throw new RingsideError("state_damaged", { message: "The machine's saved state is of another template" });
    }
    const pages = state.pages.map(({ address, content }) => ({ block, address, content }));
    return composeStateStream({ ...template.stream, tail: state.devices }, pages);
  }

  async #feed(stream: Buffer, signal: AbortSignal): Promise<void> {
    const { qmp, process } = this.machine;
    const completed = migrationCompleted(qmp, RESTORE_TIMEOUT_MS, signal);
    completed.catch(() => undefined);
    const asking = qmp.execute("migrate-incoming", { uri: `fd:${STATE_FD}` }, { signal });
    asking.catch(() => undefined);
    process.state.end(stream);
    await asking;
    await completed;
  }
}

/**
 * Starts QEMU on a template as far as can be done before anybody wants the machine.
 * @throws RingsideError `machine_gone`, `machine_unresponsive`
 */
export async function prewarm(options: PrewarmOptions): Promise<PrewarmedMachine> {
  const { place, template } = options;
  const icount: Icount = options.replaying === true ? "replay" : options.recording === true ? "record" : "off";
  if (icount === "record") await makeConsolePipes(place);
  const mode = { kind: "clone" as const, memoryFd: FIRST_FILE_FD, icount };
  const { arch, memoryMib } = template;
  const qemu = { ...place, arch, memoryMib, mode, files: [template.memory.fd] };
  const machine = await startMachine(qemu, options.signal, async ({ qmp }, signal) => {
    await qmp.negotiate(signal);
    await sealPlace(place);
    await prepareMigration(qmp, signal);
  });
  return new PrewarmedMachine(machine, options);
}
