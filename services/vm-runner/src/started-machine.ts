import type { MachineEnd } from "@ringside/emulator";
import type { Arch, MachineFile, StartHow, StartJob } from "@ringside/shared";

/** What a machine starts from: nothing of its own, its hibernated self, or a saved state. */
export type Origin =
  | { readonly kind: "fresh" }
  | { readonly kind: "state"; readonly file: string }
  | { readonly kind: "hibernated"; readonly file: string; readonly run: "as-before" | "no" };

/** A machine that is up, as far as its host is concerned. It is not shown to the proxy yet. */
export interface StartedMachine {
  readonly name: string;
  /** QEMU's process id. */
  readonly pid: number;
  /** See `machine.json`. */
  readonly consoleStart: string;
  readonly how: StartHow;
  readonly qemuVersion: string;
  readonly arch: Arch;
  /** Contents of the template that it is a clone of; null after a cold boot. */
  readonly template: string | null;
  /** Resolves when its guest runs, at once where it shall not: nobody is to see it before. @throws what QEMU answers */
  readonly resumed: Promise<void>;
  /** Resolves once when its process is gone. */
  readonly ended: Promise<MachineEnd>;
  show(file: MachineFile): Promise<void>;
  /** Takes it out of the proxy's sight; again: nothing. */
  hide(): Promise<void>;
  /** Ends it at once. */
  stop(): Promise<void>;
  /** Ends it so that the log of its recording is whole. @throws where that takes too long: then stop it */
  quit(): Promise<void>;
  /**
   * Saves it, standing still, into a file. It stands still afterwards.
   * @returns bytes on disk
   * @throws RingsideError `conflict` for a machine without a template, `storage_full`, `machine_gone`
   */
  save(file: string, runOn: boolean): Promise<number>;
  /** Has the guest of a recorded machine take what was typed at once. False where its QEMU cannot. */
  nudge(): Promise<boolean>;
  /** Where the log of its recording is now; null where it is not recorded. */
  recordingLog(): string | null;
  /** Removes all that is left of it, once its process is gone. */
  remove(): Promise<void>;
}

/** Brings a machine up for a job: the edge between the runner's logic and the emulator. */
export type StartMachine = (job: StartJob, origin: Origin, signal: AbortSignal) => Promise<StartedMachine>;
