import type { RingsideError } from "@ringside/shared";
import type { StepsTaken } from "./ahead/log.ts";
import type { StepsBack } from "./ahead/steps-back.ts";
import { AttachedDebugger, type Attaching } from "./attached-debugger.ts";
import type { AttachedBefore, Debugger } from "./debugger.ts";
import type { Leaving } from "./leaving.ts";
import type { Orders } from "./orders.ts";
import type { Requests } from "./requests.ts";
import type { HubParts } from "./telling.ts";

export interface AttendanceParts extends HubParts {
  readonly leaving: Leaving;
  readonly orders: Orders;
  readonly requests: Requests;
  readonly stepsBack: StepsBack;
  /** @throws RingsideError machine_gone */
  mustBeThere(): void;
  /** The machine may have to stop, or to run. */
  settle(): void;
  /** The machine is to stop, whoever has it now. */
  takeHold(): void;
}

/** How debuggers come and go, and what they do without asking. */
export class Attendance {
  readonly #parts: AttendanceParts;

  constructor(parts: AttendanceParts) {
    this.#parts = parts;
  }

  /** A debugger as attach() takes it. */
  debuggerOf(end: Debugger, who: Attaching): AttachedDebugger {
    const { known, seats, ports } = this.#parts;
    const own = known.ledger.own(who.connection, () => seats.has(one));
    const one: AttachedDebugger = new AttachedDebugger(who, end, own, ports);
    return one;
  }

  /**
   * A debugger has connected. The machine is stopped for it before its first packet is taken.
   * @throws RingsideError debugger_busy, rate_limited, machine_gone
   */
  attach(one: AttachedDebugger, again: AttachedBefore | null = null): void {
    const { seats, leaving, requests, stepsBack, stub, ports, mustBeThere, takeHold } = this.#parts;
    mustBeThere();
    seats.mustTake(one.role);
    seats.add(one);
    const isThere = seats.driver === one && leaving.driverCame();
    for (const taken of again?.back ?? []) stepsBack.want(one, taken);
    if (again !== null) requests.carryOn(one, again, isThere && stub.state.kind === "stopped");
    if (stub.state.kind === "asleep") ports.wakeMachine();
    else takeHold();
  }

  /** It has gone, in whatever way. @param how see DebuggerSeat.left() */
  leave(one: AttachedDebugger, how: "hung up" | "broke off" = "hung up"): void {
    const { seats, glances, leaving, orders, settle } = this.#parts;
    if (!seats.has(one)) return;
    const drove = seats.driver === one;
    const seatMoves = seats.remove(one) && one.role !== "driver";
    glances.end(one);
    if (drove) leaving.driverGoesOn();
    const stood = drove && seats.driver === null && !one.detached && one.run === null;
    leaving.left(one, { stood, mayReturn: how === "broke off" });
    if (seatMoves) orders.seatGoesBack();
    settle();
  }

  /** A debugger's Ctrl-C. */
  interrupt(one: AttachedDebugger): void {
    const { seats, stub, ports, settle, takeHold } = this.#parts;
    if (!seats.has(one)) return;
    one.interrupt(stub.state.kind !== "interrupting");
    if (stub.state.kind === "asleep") ports.wakeMachine();
    else if (one.wantsStopNow) takeHold();
    else settle();
  }

  /** See DebuggerSeat.back(). */
  back(one: AttachedDebugger, taken: StepsTaken): void {
    const { seats, stepsBack, stub, ports, settle } = this.#parts;
    if (!seats.has(one)) return;
    stepsBack.want(one, taken);
    if (!stepsBack.isWanted) return;
    if (stub.state.kind === "asleep") ports.wakeMachine();
    else settle();
  }

  /** See DebuggerSeat.noted(). */
  noted(one: AttachedDebugger, payloads: readonly string[]): void {
    const { seats, requests } = this.#parts;
    if (seats.has(one)) requests.noted(one, payloads);
  }

  /** Answers debuggers that wait for a stop with an error, as their last word. */
  giveUp(text: string): void {
    for (const one of this.#parts.seats.all) one.answerWait(`E.${text}`);
  }

  /** The machine has ended: who waits for a stop is told so, and then why. */
  endAll(error: RingsideError, all = this.#parts.seats.all): void {
    const { seats, glances, leaving } = this.#parts;
    seats.clear();
    glances.clear();
    leaving.forget(false);
    try {
      for (const one of all) one.answerWait("W00");
    } finally {
      for (const one of all) one.debugger.end(error);
    }
  }
}
