import type { BreakpointType, PacketOf } from "@ringside/rsp";
import { BREAKPOINT_TYPES } from "@ringside/rsp";
import type { Conversation } from "./conversation.ts";

export type Breakpoint = Pick<PacketOf<"Z">, "type" | "address" | "length">;

/**
 * What gdb has inserted, and what the stub has. gdb takes all its breakpoints out at each stop and puts them
 * back at each resume, so for breakpoints the stub is told the difference only when the machine is about to
 * run. Watchpoints may be refused by the stub and are told at once. A stub keeps what it has when its client
 * leaves; therefore the hub takes it out.
 */
export class BreakpointLedger {
  readonly #wanted = new Map<string, Breakpoint>();
  readonly #inserted = new Map<string, Breakpoint>();

  /** How many gdb has inserted. */
  get size(): number {
    return this.#wanted.size;
  }

  /** True where the stub holds some. */
  get stubHasSome(): boolean {
    return this.#inserted.size > 0;
  }

  has(breakpoint: Breakpoint): boolean {
    return this.#wanted.has(placeOf(breakpoint));
  }

  /** gdb inserts one; the stub is told later. */
  want(breakpoint: Breakpoint): void {
    this.#wanted.set(placeOf(breakpoint), breakpoint);
  }

  /** gdb removes one; the stub is told later. */
  unwant(breakpoint: Breakpoint): void {
    this.#wanted.delete(placeOf(breakpoint));
  }

  /** gdb has gone: none is wanted any more. */
  unwantAll(): void {
    this.#wanted.clear();
  }

  /** The stub's link has ended, and what it had with it; what gdb wants stays. */
  stubForgot(): void {
    this.#inserted.clear();
  }

  get isInStep(): boolean {
    if (this.#wanted.size !== this.#inserted.size) return false;
    for (const place of this.#wanted.keys()) if (!this.#inserted.has(place)) return false;
    return true;
  }

  /** Tells the stub to insert one now. */
  *insert(breakpoint: Breakpoint): Conversation<string> {
    const place = placeOf(breakpoint);
    const reply = yield `Z${place}`;
    if (reply !== "OK") return reply;
    this.#wanted.set(place, breakpoint);
    this.#inserted.set(place, breakpoint);
    return reply;
  }

  /** Tells the stub to remove one now. */
  *remove(breakpoint: Breakpoint): Conversation<string> {
    const place = placeOf(breakpoint);
    const reply = yield `z${place}`;
    this.#wanted.delete(place);
    this.#inserted.delete(place);
    return reply;
  }

  /** Tells the stub the difference: null, or the stub's error to an insertion. */
  *bringInStep(): Conversation<string | null> {
    for (const [place, breakpoint] of [...this.#inserted]) {
      if (!this.#wanted.has(place)) yield* this.remove(breakpoint);
    }
    for (const [place, breakpoint] of [...this.#wanted]) {
      if (this.#inserted.has(place)) continue;
      const reply = yield* this.insert(breakpoint);
      if (reply !== "OK") return reply;
    }
    return null;
  }
}

const numberOf = (type: BreakpointType): number => BREAKPOINT_TYPES.indexOf(type);

/** `type,address,length` as packets write it. */
function placeOf({ type, address, length }: Breakpoint): string {
  return `${numberOf(type)},${address.toString(16)},${length.toString(16)}`;
}
