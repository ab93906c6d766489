import { RingsideError } from "@ringside/shared";
import { USERS_MAX } from "./limits.ts";

/**
 * Numbers from 1 that choose the user ids of machines' processes: no two live processes have the same. Number 0 is
 * for templates and self-tests.
 */
export class Users {
  readonly #free: number[] = [];
  #next = 1;

  /** @throws RingsideError `internal` when there are more processes than any cell has */
  take(): number {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    if (this.#next > USERS_MAX) throw new RingsideError("internal", { message: "all machines' user ids are taken" });
    this.#next += 1;
    return this.#next - 1;
  }

  giveBack(user: number): void {
    this.#free.push(user);
  }
}
