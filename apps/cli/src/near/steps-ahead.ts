import { randomInt } from "node:crypto";
import { type Ahead, BACKS_MAX, type Back, type NearMessage, STEPS_AHEAD_MAX, type StepAhead } from "@ringside/link";
import { littleEndianOfHex, parsePacket, registersOf } from "@ringside/rsp";
import { NEAR_RANGE_STEPS_AHEAD_COUNT, NEAR_STEPS_AHEAD_COUNT, NEAR_STEPS_ALIKE_MIN } from "../limits.ts";
import type { Breakpoints } from "./breakpoints.ts";

/** Questions after which gdb may still step on by itself. It asks for the threads when it shows its user a stop. */
const WHILE_STEPPING: ReadonlySet<string> = new Set(["g", "p", "m", "x", "H", "T", "qC", "Z", "z"]);
const INSERTS: ReadonlySet<string> = new Set(["Z", "z"]);
const NAMES = 2 ** 47;
const PROGRAM_COUNTER = 16;
const STEP = /^vCont;s(?::[0-9a-f]{1,8})?(?:;c(?::-1)?)?$/;
const RANGE = /^vCont;r([0-9a-f]{1,16}),([0-9a-f]{1,16})(?::[0-9a-f]{1,8})?(?:;c(?::-1)?)?$/;
const PLAIN_STOP = /^T05thread:[0-9a-f]{1,8};$/;

export const isAskedWhileStepping = (payload: string): boolean => WHILE_STEPPING.has(parsePacket(payload).kind);

interface Log {
  readonly name: number;
  readonly steps: readonly StepAhead[];
  /** The program counter after each of them. */
  readonly places: readonly bigint[];
  /** How many of them gdb has taken. */
  taken: number;
}

type Wish = NonNullable<Extract<NearMessage, { type: "packets" }>["ahead"]>;

/**
 * gdb steps by itself, and looks after each step, where it watches a register or counts steps: then the cell is asked to
 * step ahead, and gdb's next steps are answered from what it says. The machine stands behind the last of them meanwhile,
 * and is taken back before anything else is done with it.
 */
export class StepsAhead {
  #alike = { payload: "", count: 0 };
  #size = NEAR_STEPS_AHEAD_COUNT;
  #asked: Wish | null = null;
  #log: Log | null = null;
  /** What was told by back(), until the cell has answered something that was asked later. */
  #unheard: readonly Back[] = [];

  /** gdb has sent a packet. */
  heard(payload: string): void {
    if (STEP.test(payload)) {
      this.#alike = { payload, count: this.#alike.payload === payload ? this.#alike.count + 1 : 1 };
    } else if (!isAskedWhileStepping(payload) || INSERTS.has(parsePacket(payload).kind)) {
      this.#alike = { payload: "", count: 0 };
    }
  }

  /** What the cell is asked beside this packet; null for nothing. */
  ask(payload: string): Wish | null {
    const { payload: step, count } = this.#alike;
    const steps = RANGE.test(payload)
      ? NEAR_RANGE_STEPS_AHEAD_COUNT
      : payload === step && count > NEAR_STEPS_ALIKE_MIN
        ? this.#size
        : null;
    this.#asked = steps === null ? null : { name: randomInt(NAMES), steps };
    return this.#asked;
  }

  /** The cell has answered, and heard all that was told before. @param ahead null where it has not stepped ahead */
  answered(ahead: Ahead | null): void {
    const asked = this.#asked;
    this.#asked = null;
    this.#unheard = [];
    if (asked === null || ahead === null) return;
    this.#log = { name: asked.name, steps: ahead.steps, places: placesOf(ahead), taken: 0 };
  }

  /**
   * The steps that a packet of gdb's asks for, where they were taken already; the last one's stop is its answer.
   * @param breakpoints what gdb wants inserted: a range ends there
   * @returns null where the cell must be asked, after back()
   */
  take(payload: string, breakpoints: Pick<Breakpoints, "at">): readonly StepAhead[] | null {
    const log = this.#log;
    const range = log === null ? null : RANGE.exec(payload);
    if (log === null || (range === null && !STEP.test(payload))) return null;
    const count = range === null ? 1 : stepsOfRange(log, range, breakpoints);
    if (count === null) return null;
    const steps = log.steps.slice(log.taken, log.taken + count);
    log.taken += count;
    if (log.taken >= log.steps.length) {
      this.#log = null;
      if (range === null) this.#size = Math.min(2 * this.#size, STEPS_AHEAD_MAX);
    }
    // The range goes on behind the last step, where the machine stands.
    return steps.length < count ? null : steps;
  }

  /** What takes the machine back to where gdb is; null where it is there. */
  back(): Back | null {
    const log = this.#log;
    if (log === null) return null;
    this.#log = null;
    this.#size = NEAR_STEPS_AHEAD_COUNT;
    const back = { name: log.name, took: log.taken + 1 };
    this.#unheard = [back];
    return back;
  }

  /** The link has broken off: what a new one must tell. Of a step that is on its way gdb has asked for the first. */
  broke(): readonly Back[] {
    this.back();
    if (this.#asked !== null) this.#unheard = [...this.#unheard, { name: this.#asked.name, took: 1 }];
    this.#asked = null;
    this.#unheard = this.#unheard.slice(-BACKS_MAX);
    return this.#unheard;
  }

  /** The machine has moved, or is where gdb is. */
  drop(): void {
    this.#log = null;
    this.#asked = null;
    this.#unheard = [];
  }
}

function placesOf({ registers, steps }: Ahead): readonly bigint[] {
  let place = registersOf("x86_64", registers).get("rip") ?? 0n;
  return steps.map((step) => {
    const value = step.registers.find(([number]) => number === PROGRAM_COUNTER)?.[1];
    place = (value === undefined ? null : littleEndianOfHex(value)) ?? place;
    return place;
  });
}

/**
 * How many steps end a range: at least one, then on while the program counter is in it.
 * @returns more than there are where it does not end among them; null where a condition would have to be weighed
 */
function stepsOfRange(
  { steps, places, taken }: Log,
  range: RegExpExecArray,
  { at }: Pick<Breakpoints, "at">,
): number | null {
  const [start, end] = [BigInt(`0x${range[1]}`), BigInt(`0x${range[2]}`)];
  for (let n = taken; n < steps.length; n += 1) {
    const place = places[n] ?? 0n;
    const there = at(place);
    if (there === "condition") return null;
    if (there === "stop" || place < start || place >= end || !PLAIN_STOP.test(steps[n]?.stop ?? ""))
      return n - taken + 1;
  }
  return steps.length - taken + 1;
}
