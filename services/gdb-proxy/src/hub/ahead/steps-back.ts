import type { AttachedDebugger } from "../attached-debugger.ts";
import type { HubParts, Telling } from "../telling.ts";
import type { AheadLog, StepsTaken } from "./log.ts";
import { takeBack } from "./put-back.ts";

/**
 * The last steps ahead of a debugger, for as long as they can be taken back: until somebody runs the machine or writes
 * to it.
 *
 *   none ──keep──► kept ──want──► wanted ──the machine stands──► none
 *                    └──drop──► none
 */
export class StepsBack {
  readonly #parts: HubParts & { readonly telling: Telling };
  #state:
    | { readonly kind: "none" }
    | { readonly kind: "kept"; readonly log: AheadLog; readonly user: string }
    | { readonly kind: "wanted"; readonly log: AheadLog; readonly by: AttachedDebugger; readonly took: number } = {
    kind: "none",
  };

  constructor(parts: HubParts & { readonly telling: Telling }) {
    this.#parts = parts;
  }

  /** The machine stands where the log ends. */
  keep(log: AheadLog, user: string): void {
    this.#state = { kind: "kept", log, user };
  }

  /** The machine runs, or was written to. */
  drop(): void {
    this.#state = { kind: "none" };
  }

  /** True while the machine is to be taken back. */
  get isWanted(): boolean {
    return this.#state.kind === "wanted";
  }

  /**
   * Its debugger has taken only so many of the steps. What fits no log that is kept means nothing: the debugger knows
   * already, or will be told, that the machine has moved.
   */
  want(by: AttachedDebugger, { name, took }: StepsTaken): void {
    const state = this.#state;
    if (state.kind !== "kept" || state.user !== by.user || this.#parts.seats.driver !== by) return;
    if (state.log.name !== name || took < 1 || took >= state.log.steps.length) return;
    this.#state = { kind: "wanted", log: state.log, by, took };
  }

  /** Takes the stopped machine back where that is wanted. @returns false where it is not; then `done` is not called */
  due(done: () => void): boolean {
    const state = this.#state;
    if (state.kind !== "wanted") return false;
    const { log, by, took } = state;
    const { stub, known, ports, telling } = this.#parts;
    this.#state = { kind: "none" };
    stub.talk(takeBack(log, took), ({ isExact, stop, registers }) => {
      known.standsAt(stop, registers);
      const { connection } = by;
      ports.record({ type: "machine.rewound", connection, steps: log.before + took, reply: stop, registers });
      telling.changed(isExact ? connection : 0);
      if (!isExact) by.debugger.say("The machine could not be put back: what gdb shows is old until the next stop.");
      done();
    });
    return true;
  }
}
