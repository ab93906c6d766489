import type { BreakpointLedger } from "./breakpoints.ts";
import type { SteppedFact, StoppedFact, Who } from "./fact.ts";
import { STANDING_MAX } from "./limits.ts";

/**
 * Which steps a student took. gdb makes one command of several packets: `continue` from a breakpoint begins with a
 * single step, `next` is a range with breakpoints behind calls, `finish` is a breakpoint at the caller. gdb asks for
 * the threads when a command is done, and only then; a client that never does is taken to be done at each stop.
 */
type Action = "continue" | "step" | "range";

interface Move {
  readonly action: Action;
  /** Null until the machine stops again. */
  stop: StoppedFact | null;
  count: number;
}

interface Command {
  readonly who: Who;
  /** The stop that it began at. */
  readonly from: StoppedFact | null;
  readonly moves: Move[];
  isDone: boolean;
}

/** More moves than one command is made of; those after it count as its last. */
const MOVES_MAX = 10_000;

const STACK_POINTERS = ["rsp", "esp"] as const;

export class Stepping {
  readonly #breakpoints: BreakpointLedger;
  readonly #prompting: ReadonlySet<number>;
  #command: Command | null = null;
  #last: StoppedFact | null = null;
  /** Connections that have shown the last stop to their users. */
  readonly #shown = new Set<number>();
  /** Where breakpoints stood when the machine was last set running: by the command before, and by this one. */
  #stoodBefore: ReadonlySet<bigint> = new Set();
  #stands: ReadonlySet<bigint> = new Set();

  /** @param prompting connections that tell when a command is done */
  constructor(breakpoints: BreakpointLedger, prompting: ReadonlySet<number>) {
    this.#breakpoints = breakpoints;
    this.#prompting = prompting;
  }

  /** The machine is set running. @returns the steps that are over by that */
  resumed(who: Who | null, action: Action): readonly SteppedFact[] {
    const goesOn = this.#command !== null && !this.#command.isDone && this.#command.who === who;
    const over = goesOn ? [] : this.finish();
    if (!goesOn) this.#stoodBefore = this.#stands;
    this.#stands = this.#standing();
    if (who === null) {
      this.#last = null;
      return over;
    }
    this.#command ??= { who, from: this.#last, moves: [], isDone: false };
    if (this.#command.moves.length < MOVES_MAX) this.#command.moves.push({ action, stop: null, count: 1 });
    this.#last = null;
    return over;
  }

  /** The machine stopped. @param steps how many instructions it took, where that was told */
  stopped(stop: StoppedFact, steps: number | undefined): void {
    this.#shown.clear();
    this.putBack(stop, steps);
  }

  /** The machine is put back to a stop on the way to the last, which its debugger had been shown. */
  putBack(stop: StoppedFact, steps: number | undefined): void {
    this.#last = stop;
    const move = this.#command?.moves.at(-1);
    if (this.#command === null || move === undefined) return;
    move.stop = stop;
    move.count = steps ?? 1;
    if (!this.#prompting.has(this.#command.who.connection)) this.#command.isDone = true;
  }

  /** gdb has shown the stop to its user. */
  prompt(connection: number): void {
    this.#shown.add(connection);
    if (this.#command?.who.connection === connection && this.#last !== null) this.#command.isDone = true;
  }

  /** True where what a debugger reads now is its user's wish, and not what it needs to show the stop. */
  isAsked(connection: number): boolean {
    return !this.#prompting.has(connection) || this.#shown.has(connection);
  }

  /** Nothing goes on any more. @returns the steps of the last command */
  finish(): readonly SteppedFact[] {
    const command = this.#command;
    this.#command = null;
    return command === null ? [] : this.#stepsOf(command);
  }

  #standing(): ReadonlySet<bigint> {
    const addresses = new Set<bigint>();
    for (const { address } of this.#breakpoints.standing()) {
      if (addresses.size === STANDING_MAX) break;
      addresses.add(address);
    }
    return addresses;
  }

  #stepsOf({ who, from, moves }: Command): readonly SteppedFact[] {
    const last = moves.at(-1)?.stop ?? null;
    if (last === null) return this.#singleSteps(who, from, moves);
    if (moves.some(({ action }) => action === "range")) return [stepped(who, "line", from, last, 1)];
    if (moves.every(({ action }) => action === "step")) return this.#singleSteps(who, from, moves);
    return from !== null && this.#isOutOf(from, last) ? [stepped(who, "out", from, last, 1)] : [];
  }

  #singleSteps(who: Who, from: StoppedFact | null, moves: readonly Move[]): readonly SteppedFact[] {
    if (moves.some(({ action }) => action !== "step")) return [];
    let before = from;
    return moves.flatMap(({ stop, count }) => {
      if (stop === null) return [];
      const step = stepped(who, "instruction", before, stop, count);
      before = stop;
      return [step];
    });
  }

  /** Stopped at a breakpoint where the call returns to, which did not stand there for the command before. */
  #isOutOf(from: StoppedFact, last: StoppedFact): boolean {
    const { pc } = last;
    if (pc === null || !this.#stands.has(pc) || this.#stoodBefore.has(pc)) return false;
    const isReturn =
      from.frames.length > 0 ? from.frames.some(({ address }) => address === pc) : last.position === "inside";
    return isReturn && stackOf(last) > stackOf(from);
  }
}

function stackOf({ registers }: StoppedFact): bigint {
  for (const name of STACK_POINTERS) {
    const value = registers.get(name);
    if (value !== undefined) return value;
  }
  return 0n;
}

function stepped(
  who: Who,
  how: SteppedFact["how"],
  from: StoppedFact | null,
  to: StoppedFact,
  count: number,
): SteppedFact {
  const { event, t } = to;
  return { kind: "stepped", event, t, who, how, count, from: from?.names ?? [], to: to.names };
}
