import { stat } from "node:fs/promises";
import { RingsideError, type SavedState } from "@ringside/shared";
import type { MachineHost } from "./machine-host.ts";
import { savable } from "./savable.ts";
import type { SavedStates } from "./saved-states.ts";

/** A fork's state, among the new session's checkpoints: its start job asks for it by this name. */
const FORK_NAME = "fork";

export interface ForkRequest {
  readonly session: string;
  readonly epoch: number;
  /** A checkpoint, or null for the machine as it is now. */
  readonly name: string | null;
  /** The new session. */
  readonly into: string;
  readonly runOn: boolean;
}

/** Named checkpoints of machines, and copies of machines for new sessions. */
export class Copies {
  readonly #host: MachineHost;
  readonly #states: SavedStates;

  constructor(host: MachineHost, states: SavedStates) {
    this.#host = host;
    this.#states = states;
  }

  /**
   * Saves the machine, standing still, under a name.
   * @throws RingsideError as `savable` and StartedMachine.save; `conflict` when there are too many
   */
  save(session: string, epoch: number, name: string, runOn: boolean): Promise<SavedState> {
    return this.#host.turns.take(session, async () => {
      const { hosted, started } = savable(this.#host.of(session), epoch);
      const file = await this.#states.newCheckpoint(session, name);
      await started.save(file, runOn);
      // A session that ended meanwhile has its states removed in its next turn.
      if (hosted.running === null) throw new RingsideError("machine_gone");
      const saved = (await this.#states.list(session)).find((state) => state.name === name);
      if (saved === undefined) throw new RingsideError("internal", { message: "the checkpoint is not there" });
      return saved;
    });
  }

  /**
   * Copies a checkpoint, the machine as it stands, or the one that sleeps, for another session.
   * @returns bytes on disk
   * @throws RingsideError `not_found` for a checkpoint that is not there; otherwise as `save`
   */
  fork({ session, epoch, name, into, runOn }: ForkRequest): Promise<number> {
    if (into === session) throw new RingsideError("conflict", { message: "A session cannot be forked into itself" });
    return this.#host.turns.take(session, async () => {
      const target = await this.#states.newCheckpoint(into, FORK_NAME);
      if (name !== null) return this.#copy(this.#states.checkpoint(session, name), target);
      const asleep = this.#states.hibernated(session);
      if (asleep?.job.epoch === epoch && this.#host.of(session) === undefined) {
        return this.#copy(await this.#states.hibernatedFile(session), target);
      }
      return savable(this.#host.of(session), epoch).started.save(target, runOn);
    });
  }

  forget(session: string, name: string): Promise<void> {
    return this.#host.turns.take(session, () => this.#states.forget(session, name));
  }

  list(session: string): Promise<readonly SavedState[]> {
    return this.#states.list(session);
  }

  async #copy(from: string, to: string): Promise<number> {
    if ((await stat(from).catch(() => null)) === null) {
      throw new RingsideError("not_found", { message: "There is no such checkpoint" });
    }
    return this.#states.copy(from, to);
  }
}
