import { type AttachedDebugger, interruptedReply, RUN_ON } from "./attached-debugger.ts";
import { isInterrupt, plainStop, stepOver, type Weighed, weigh } from "./conditions.ts";
import type { Leaving } from "./leaving.ts";
import { type Range, type RangeEnd, stepRange } from "./range.ts";
import type { StoppedHow } from "./stub-side.ts";
import type { HubParts, Telling } from "./telling.ts";

export interface StopsParts extends HubParts {
  readonly leaving: Leaving;
  readonly telling: Telling;
  /** Somebody drives and has not let go. */
  isHeld(): boolean;
  /** The machine runs: what the present state calls for. */
  settle(): void;
  /** The machine stands, and all who are to know it do. */
  stands(): void;
}

interface Stop {
  readonly how: StoppedHow;
  /** The cell itself brought it about: only who wants a stop now is told of it. */
  readonly ours: boolean;
  /** After a range. */
  readonly steps?: number;
}

/** What becomes of stops: conditions are weighed; what is a stop to somebody is recorded, and then told. */
export class Stops {
  readonly #parts: StopsParts;
  /** Whose range the machine steps through. */
  #stepsFor: AttachedDebugger | null = null;

  constructor(parts: StopsParts) {
    this.#parts = parts;
  }

  /** True where the machine steps through a range whose debugger has gone: it is to run on instead. */
  get stepsForNobody(): boolean {
    return this.#stepsFor !== null && !this.#parts.seats.has(this.#stepsFor);
  }

  /** The stub is let go of, and what it was doing with it. */
  forget(): void {
    this.#stepsFor = null;
  }

  /** The machine has stopped. */
  stopped(reply: string, how: StoppedHow): void {
    const { stub, known, isHeld, settle } = this.#parts;
    const { misses } = known;
    if (how !== "interrupted" && !isHeld() && !known.ledger.stubHasSome) {
      stub.become("parked");
    } else if (how !== "stepped" && known.ledger.hasConditions && plainStop(reply) !== null) {
      const conditions = this.#conditions();
      stub.travel(
        (cut) => weigh(reply, conditions, { misses, cut }),
        (weighed) => this.#weighed(weighed, reply, how, 1),
      );
      settle();
    } else {
      this.#describe(reply, { how, ours: how === "interrupted" && isInterrupt(reply) });
    }
  }

  /** The cell itself has stopped the machine, by connecting to its stub. */
  ours(reply: string): void {
    this.#describe(reply, { how: "interrupted", ours: true });
  }

  /** Lets the machine run on, over the breakpoint that it stands at. */
  runOver(reply: string): void {
    this.#parts.stub.travel(
      (cut) => stepOver(reply, cut),
      (weighed) => this.#weighed(weighed, reply, "by itself", 0),
    );
  }

  /** Lets the machine step through a range, to stop behind it. */
  stepThrough(range: Range): void {
    this.#stepsFor = this.#parts.seats.driver;
    const conditions = this.#conditions();
    this.#parts.stub.travel(
      (cut) => stepRange(range, conditions, cut),
      (end) => this.#ranged(end),
    );
  }

  #conditions() {
    const { ledger, machine } = this.#parts.known;
    return { arch: machine.arch, at: ledger.at.bind(ledger) };
  }

  /** @param missed how many stops that were for nobody this is */
  #weighed(weighed: Weighed, reply: string, how: StoppedHow, missed: 0 | 1): void {
    const { known, stub, settle } = this.#parts;
    switch (weighed.kind) {
      case "stands":
        if (weighed.missed) known.misses += missed;
        this.#describe(weighed.reply, { how: weighed.missed ? "by itself" : how, ours: false });
        break;
      case "cut":
        known.misses += missed;
        this.#describe(interruptedReply(reply), { how: "interrupted", ours: true });
        break;
      case "passed":
        known.misses += missed;
        stub.resume(RUN_ON.payload, "continue");
        settle();
        break;
      default:
        weighed satisfies never;
    }
  }

  #ranged({ how, reply, steps, misses }: RangeEnd): void {
    const { known, seats, stands } = this.#parts;
    this.#stepsFor = null;
    known.misses += misses;
    switch (how) {
      case "refused":
        seats.driver?.answerWait(reply);
        stands();
        break;
      case "cut":
        this.#describe(interruptedReply(reply), { how: "interrupted", ours: true, steps });
        break;
      case "step":
      case "breakpoint":
        this.#describe(reply, { how: how === "step" ? "stepped" : "by itself", ours: false, steps });
        break;
      default:
        how satisfies never;
    }
  }

  #describe(reply: string, { how, ours, steps }: Stop): void {
    const { stub, known, ports, seats, telling, stands } = this.#parts;
    const cause = { stepped: how === "stepped", ...(steps === undefined ? {} : { steps }) };
    stub.talk(known.describe(reply, cause), (event) => {
      ports.record(event);
      const forAll = !ours || seats.driver?.wantsStopNow === true;
      if (forAll) {
        this.#mayStandForWhoLeft(reply, how);
        known.told();
      }
      const to = seats.all.filter((one) => one.awaitsStop && (forAll || one.wantsStopNow));
      telling.stop(to, reply, cause.stepped, stands);
    });
  }

  /** A breakpoint that was left was hit, and nobody else holds the machine: it stands there. */
  #mayStandForWhoLeft(reply: string, how: StoppedHow): void {
    const { leaving, isHeld } = this.#parts;
    if (how === "by itself" && !isInterrupt(reply) && !isHeld() && leaving.waits) leaving.stoppedThere();
  }
}
