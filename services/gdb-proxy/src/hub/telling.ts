import type { AheadLog } from "./ahead/log.ts";
import { type AttachedDebugger, interruptedReply } from "./attached-debugger.ts";
import type { StoppedView } from "./debugger.ts";
import type { Glances } from "./glances.ts";
import type { MachineKnowledge } from "./machine-knowledge.ts";
import type { HubPorts } from "./ports.ts";
import type { Seats } from "./seats.ts";
import type { StubSide } from "./stub-side.ts";

export interface HubParts {
  readonly ports: HubPorts;
  readonly stub: StubSide;
  readonly known: MachineKnowledge;
  readonly seats: Seats;
  readonly glances: Glances;
}

/** Tells debuggers how the machine stands: to each what it will ask next is read first. */
export class Telling {
  readonly #parts: HubParts;
  /** The last stop ended a step of this debugger. */
  #stepper: AttachedDebugger | null = null;
  /** What is being told. */
  #ahead: AheadLog | null = null;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** True where somebody must be shown the machine, which has to stand for that. */
  get isWanted(): boolean {
    return this.#parts.seats.all.some((one) => one.isArriving || one.wantsStopNow);
  }

  /** Tells a stop to those who wait for one; then `done`. */
  stop(to: readonly AttachedDebugger[], reply: string, stepped: boolean, done: () => void): void {
    this.#stepper = stepped ? this.#parts.seats.driver : null;
    this.#each(to, (one) => this.#tell(one, reply), done);
  }

  /** As stop(), after steps ahead: their debugger is told the first one's stop, and all of them when it is described. */
  stopAhead(log: AheadLog, to: readonly AttachedDebugger[], done: () => void): void {
    this.#ahead = log;
    this.stop(to, log.steps[0]?.stop ?? "", true, () => {
      this.#ahead = null;
      done();
    });
  }

  /**
   * Tells the stopped machine to those who must be told it now: who has just attached, who asked for a stop, who is
   * behind. @returns false where there is nobody; then `done` is not called
   */
  due(done: () => void): boolean {
    const { seats, known, stub } = this.#parts;
    const arriving = seats.all.filter((one) => one.isArriving);
    if (arriving.length > 0) {
      stub.talk(known.readRegisters(), () => this.#each(arriving, (one) => this.#arrive(one), done));
      return true;
    }
    const waiting = seats.all.filter((one) => one.awaitsStop);
    if (seats.driver?.wantsStopNow) {
      known.interrupted();
      this.stop(waiting, known.stopReply, false, done);
      return true;
    }
    const to = waiting.filter((one) => one.wantsStopNow || one.isBehind);
    const replyFor = (one: AttachedDebugger) => (one.isBehind ? known.stopReply : interruptedReply(known.stopReply));
    if (to.length > 0) this.#each(to, (one) => this.#tell(one, replyFor(one)), done);
    return to.length > 0;
  }

  /** Nothing that debuggers know of the machine is true any more. @param connection whose own doing it is */
  changed(connection: number): void {
    for (const one of this.#parts.seats.all) {
      if (one.connection !== connection && !one.isArriving) one.debugger.changed();
    }
  }

  /** Reads what a debugger will ask after its own write; then `done`. */
  afterWrite(one: AttachedDebugger, done: () => void): void {
    const { known, stub } = this.#parts;
    if (one.debugger.describe === undefined) done();
    else stub.talk(known.readRegisters(), () => this.#each([one], () => undefined, done));
  }

  #arrive(one: AttachedDebugger): void {
    one.arrived();
    this.#seen(one);
  }

  #tell(one: AttachedDebugger, reply: string): void {
    this.#seen(one);
    one.answerWait(reply, this.#parts.known.stopRegisters);
  }

  #seen(one: AttachedDebugger): void {
    const { known, seats, glances } = this.#parts;
    one.stopSeen = known.stops;
    one.thread = null;
    if (one !== seats.driver) glances.begin(one);
  }

  #each(to: readonly AttachedDebugger[], tell: (one: AttachedDebugger) => void, done: () => void): void {
    const [first, ...rest] = to;
    if (first === undefined) {
      done();
      return;
    }
    const { seats, stub } = this.#parts;
    const told = () => {
      // It may have gone while it was read for.
      if (seats.has(first)) tell(first);
      this.#each(rest, tell, done);
    };
    const talk = seats.has(first) ? first.debugger.describe?.(this.#viewOf(first)) : undefined;
    if (talk === undefined) told();
    else stub.talk(talk, told);
  }

  #viewOf(one: AttachedDebugger): StoppedView {
    const { stopReply, registers } = this.#parts.known;
    const ahead = one.connection === this.#ahead?.connection ? this.#ahead : null;
    return { stopReply, registers, stepped: one === this.#stepper, ahead };
  }
}
