import type { Logger } from "pino";
import { NUDGE_MS } from "../limits.ts";
import type { CellLink } from "./cell-link.ts";

/**
 * Asks the runner to wake recorded machines that something was typed at. Of one machine at most one question is on
 * its way and one waits behind it. Where it fails the guest only takes longer to look.
 */
export class Nudges {
  readonly #link: Pick<CellLink, "ask">;
  readonly #log: Logger;
  /** Machines with a question on its way, and whether another is wanted after it. */
  readonly #asking = new Map<string, "once" | "again">();

  constructor(link: Pick<CellLink, "ask">, log: Logger) {
    this.#link = link;
    this.#log = log;
  }

  /** Returns at once. */
  nudge(session: string, epoch: number): void {
    const key = `${session}.${epoch}`;
    if (this.#asking.has(key)) {
      this.#asking.set(key, "again");
      return;
    }
    this.#asking.set(key, "once");
    this.#link
      .ask({ do: "nudge", session, epoch }, NUDGE_MS)
      .catch((error: unknown) => this.#log.debug({ err: error, session }, "a machine was not nudged"))
      .finally(() => {
        const again = this.#asking.get(key) === "again";
        this.#asking.delete(key);
        if (again) this.nudge(session, epoch);
      });
  }
}
