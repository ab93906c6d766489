import { type ConnectionRole, RingsideError } from "@ringside/shared";
import { DEBUGGERS_MAX } from "../limits.ts";
import type { AttachedDebugger } from "./attached-debugger.ts";

/**
 * Who is attached to a machine, and who drives it: one at a time. Of the role driver one may be attached; the seat is
 * theirs unless an instructor has taken it. In whose turn it is, everybody gets one request.
 */
export class Seats {
  #all: readonly AttachedDebugger[] = [];
  #driver: AttachedDebugger | null = null;

  get all(): readonly AttachedDebugger[] {
    return this.#all;
  }

  get driver(): AttachedDebugger | null {
    return this.#driver;
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  has(one: AttachedDebugger): boolean {
    return this.#all.includes(one);
  }

  /** @throws RingsideError debugger_busy, rate_limited */
  mustTake(role: ConnectionRole): void {
    if (role === "driver" && this.#all.some((one) => one.role === "driver")) {
      throw new RingsideError("debugger_busy", {
        message: "Another gdb drives this machine: detach it first, or attach as an observer",
      });
    }
    if (this.#all.length >= DEBUGGERS_MAX) {
      throw new RingsideError("rate_limited", { message: `At most ${DEBUGGERS_MAX} debuggers on one machine` });
    }
  }

  add(one: AttachedDebugger): void {
    this.#all = [...this.#all, one];
    if (one.role === "driver") this.#driver ??= one;
  }

  /** @returns true where the seat has changed hands by that */
  remove(one: AttachedDebugger): boolean {
    this.#all = this.#all.filter((other) => other !== one);
    if (this.#driver !== one) return false;
    this.#driver = this.#ofRole("driver");
    return true;
  }

  /** Gives somebody the seat. @returns false where they have it */
  take(one: AttachedDebugger): boolean {
    if (this.#driver === one) return false;
    this.#driver = one;
    return true;
  }

  /** Gives the seat back to who is here as the driver; nobody may be. @returns false where it was not theirs */
  give(one: AttachedDebugger): boolean {
    if (this.#driver !== one || one.role === "driver") return false;
    this.#driver = this.#ofRole("driver");
    return true;
  }

  clear(): void {
    this.#all = [];
    this.#driver = null;
  }

  /** It has been served: the others come first the next time. */
  served(one: AttachedDebugger): void {
    if (!this.has(one)) return;
    this.#all = [...this.#all.filter((other) => other !== one), one];
  }

  #ofRole(role: ConnectionRole): AttachedDebugger | null {
    return this.#all.find((one) => one.role === role) ?? null;
  }
}
