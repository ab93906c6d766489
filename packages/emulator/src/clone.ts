import { open } from "node:fs/promises";
import { type Parameters, RingsideError } from "@ringside/shared";
import { RESTORE_TIMEOUT_MS } from "./limits.ts";
import { type Machine, startMachine } from "./machine.ts";
import { type MachinePlace, sealPlace } from "./machine-place.ts";
import { leaveMemoryOut, migrationCompleted } from "./migration.ts";
import { handOver } from "./parameters-channel.ts";
import { FIRST_FILE_FD } from "./qemu-process.ts";
import type { Template } from "./template.ts";

export interface CloneOptions {
  /** A prepared, empty place: see preparePlace. */
  readonly place: MachinePlace;
  readonly template: Template;
  readonly parameters: Parameters;
  readonly signal?: AbortSignal;
}

/** The template's state was not taken: another clone of it would fare the same. */
export class TemplateFault extends RingsideError {
  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super("internal", { message: `the template does not load: ${why}`, cause });
  }
}

/**
 * Starts a machine from a template: memory mapped copy-on-write, device state loaded, parameters handed over.
 * It is running when this returns, at its prompt, and has never been seen by anybody.
 * @throws TemplateFault; RingsideError `machine_gone`, `machine_unresponsive`, `internal`
 */
export async function cloneMachine(options: CloneOptions): Promise<Machine> {
  const { place, template, parameters } = options;
  await using state = await open(template.stateFile, "r");
  const mode = { kind: "clone" as const, memoryFd: FIRST_FILE_FD };
  const files = [template.memory.fd, state.fd];
  const qemu = { ...place, arch: template.arch, memoryMib: template.memoryMib, mode, files };
  let loading = false;
  const starting = startMachine(qemu, options.signal, async (machine, signal) => {
    const { qmp } = machine;
    machine.consoleStart = template.consoleStart;
    machine.enter("restoring");
    await qmp.negotiate(signal);
    await sealPlace(place);
    loading = true;
    await leaveMemoryOut(qmp, signal);
    await qmp.execute("migrate-incoming", { uri: `fd:${FIRST_FILE_FD + 1}` }, { signal });
    await migrationCompleted(qmp, RESTORE_TIMEOUT_MS, signal);
    loading = false;
    machine.enter("paused");
    await handOver(machine.process.parameters, parameters, () => qmp.execute("cont", {}, { signal }), signal);
  });
  return await starting.catch((error) => {
    options.signal?.throwIfAborted();
    // Silence is an overloaded host's fault, not the template's.
    const refused = error instanceof RingsideError && (error.code === "internal" || error.code === "machine_gone");
    throw loading && refused ? new TemplateFault(error) : error;
  });
}
