import type { AheadLog } from "./ahead/log.ts";
import { stepRangeAhead } from "./ahead/range-ahead.ts";
import { type AheadEnd, type StepsAhead, stepAhead, type WentAhead } from "./ahead/step-ahead.ts";
import type { StepsBack } from "./ahead/steps-back.ts";
import { type AttachedDebugger, interruptedReply, RUN_ON } from "./attached-debugger.ts";
import type { Breakpoint } from "./breakpoint.ts";
import { isInterrupt, plainStop, stepOver, type Weighed, weigh, weighWrite, writtenAt } from "./conditions.ts";
import type { Leaving } from "./leaving.ts";
import type { Range, RangeEnd } from "./range.ts";
import type { StoppedHow } from "./stub-side.ts";
import type { HubParts, Telling } from "./telling.ts";

export interface StopsParts extends HubParts {
  readonly leaving: Leaving;
  readonly telling: Telling;
  readonly stepsBack: StepsBack;
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
  /** After steps ahead. */
  readonly log?: AheadLog;
}

/** A step that went as it must not. */
const STEP_LOST = "E.the machine was not stepped as it should be: what gdb shows is old until the next stop";

/** What becomes of stops: conditions are weighed; what is a stop to somebody is recorded, and then told. */
export class Stops {
  readonly #parts: StopsParts;
  /** Whose range, or steps ahead, the machine steps through. */
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
    } else if (how !== "stepped" && this.#watched(reply).length > 0) {
      const areSame = known.ledger.areSame(this.#watched(reply));
      stub.travel(
        (cut) => weighWrite(reply, areSame, { misses, cut }),
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
  stepThrough(range: Range, ahead: StepsAhead | null): void {
    this.#stepsFor = this.#parts.seats.driver;
    const conditions = this.#conditions();
    this.#parts.stub.travel(
      (cut) => stepRangeAhead(range, ahead, conditions, cut),
      ({ end, went }) => this.#ranged(end, went),
    );
  }

  /** Lets the machine step, and on as far as its debugger is likely to ask. */
  stepAhead(steps: StepsAhead): void {
    this.#stepsFor = this.#parts.seats.driver;
    const { at } = this.#conditions();
    this.#parts.stub.travel(
      (cut) => stepAhead(steps, (address) => at(address).length > 0, cut),
      (end) => this.#wentAhead(end),
    );
  }

  /** The watchpoints for writes that a stop is of. */
  #watched(reply: string): readonly Breakpoint[] {
    const address = writtenAt(reply);
    return address === null ? [] : this.#parts.known.ledger.writesWatched(address);
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

  #ranged({ how, reply, steps, misses }: RangeEnd, went: WentAhead | null): void {
    const { known, seats, stands } = this.#parts;
    this.#stepsFor = null;
    known.misses += misses;
    if (went !== null) {
      this.#wentAhead(went, steps);
      return;
    }
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

  /** @param first steps to the first stop, where they are told */
  #wentAhead(end: AheadEnd, first?: number): void {
    const { seats, stepsBack, stands } = this.#parts;
    const { driver } = seats;
    this.#stepsFor = null;
    switch (end.kind) {
      case "refused":
      case "lost":
        driver?.answerWait(end.kind === "refused" ? end.reply : STEP_LOST);
        stands();
        break;
      case "cut":
        this.#describe(interruptedReply(end.reply), { how: "interrupted", ours: true });
        break;
      case "stands": {
        // A Ctrl-C that came meanwhile is heard at the last step.
        const reply = driver?.wantsStopNow ? interruptedReply(end.reply) : end.reply;
        const log = end.log === null ? null : endingWith(end.log, reply);
        if (log !== null && driver !== null) stepsBack.keep(log, driver.user);
        const steps = log === null ? first : log.before + log.steps.length;
        const more = { ...(steps === undefined ? {} : { steps }), ...(log === null ? {} : { log }) };
        this.#describe(reply, { how: "stepped", ours: false, ...more });
        break;
      }
      default:
        end satisfies never;
    }
  }

  #describe(reply: string, { how, ours, steps, log }: Stop): void {
    const { stub, known, ports, seats, telling, stands } = this.#parts;
    const cause = { stepped: how === "stepped", ...(steps === undefined ? {} : { steps }) };
    stub.talk(known.describe(reply, cause), (event) => {
      ports.record(event);
      if (ours && seats.driver === null) this.#mayWaitAtPowerOn();
      const forAll = !ours || seats.driver?.wantsStopNow === true;
      if (forAll) {
        this.#mayStandForWhoLeft(reply, how);
        known.told();
      }
      const to = seats.all.filter((one) => one.awaitsStop && (forAll || one.wantsStopNow));
      if (log === undefined) telling.stop(to, reply, cause.stepped, stands);
      else telling.stopAhead(log, to, stands);
    });
  }

  /** Nobody has let it run yet, or somebody has. */
  #mayWaitAtPowerOn(): void {
    const { known, leaving } = this.#parts;
    if (known.isAtPowerOn) leaving.waitsAtPowerOn();
    else leaving.ran();
  }

  /** A breakpoint that was left was hit, and nobody else holds the machine: it stands there. */
  #mayStandForWhoLeft(reply: string, how: StoppedHow): void {
    const { leaving, isHeld } = this.#parts;
    if (how === "by itself" && !isInterrupt(reply) && !isHeld() && leaving.waits) leaving.stoppedThere();
  }
}

/** The log with another reply to its last step. */
function endingWith(log: AheadLog, stop: string): AheadLog {
  const [last] = log.steps.slice(-1);
  return last === undefined ? log : { ...log, steps: [...log.steps.slice(0, -1), { ...last, stop }] };
}
