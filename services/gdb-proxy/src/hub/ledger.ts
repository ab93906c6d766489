import { type Breakpoint, isOfCode, placeOf } from "./breakpoint.ts";
import type { Conversation } from "./conversation.ts";
import { WatchedValues } from "./watched-values.ts";

/** A breakpoint that a debugger has inserted; without conditions it stops always. */
export interface Wanted {
  readonly breakpoint: Breakpoint;
  /** Agent expressions, of which one must hold. */
  readonly conditions: readonly Uint8Array[];
}

/** One debugger's part of the ledger. */
export interface OwnBreakpoints {
  /** How many it has inserted. */
  readonly size: number;
  has(breakpoint: Breakpoint): boolean;
  /** It inserts one, or gives one other conditions; the stub is told later. */
  want(breakpoint: Breakpoint, conditions?: readonly Uint8Array[]): void;
  /** It removes one; the stub is told later. */
  unwant(breakpoint: Breakpoint): void;
  /** True where the stub has it already, whoever wanted it. */
  stubHas(breakpoint: Breakpoint): boolean;
  /** It inserts one, and the stub is told now if it has it not: it may refuse. */
  insertNow(breakpoint: Breakpoint): Conversation<string>;
}

/**
 * What each debugger has inserted, and what the stub has: the union. gdb takes all its breakpoints out at each stop
 * and puts them back at each resume, so the stub is told the difference only when the machine is about to run; only
 * watchpoints, which a stub may refuse, are inserted at once. A stub keeps what it has when its client leaves;
 * therefore the hub takes it out.
 */
export class BreakpointLedger {
  readonly #wanted = new Map<number, Map<string, Wanted>>();
  readonly #inserted = new Map<string, Breakpoint>();
  readonly #values = new WatchedValues();
  /** Of code: address → what stands there. Made anew after each change. */
  #byAddress: ReadonlyMap<bigint, readonly Wanted[]> | null = null;

  /**
   * @param owner the debugger's connection
   * @param isHere false once it has gone: what the stub takes for it after that is wanted by nobody
   */
  own(owner: number, isHere: () => boolean = () => true): OwnBreakpoints {
    const mine = () => this.#wanted.get(owner);
    const want = (breakpoint: Breakpoint, conditions: readonly Uint8Array[] = []) => {
      const wanted = mine() ?? new Map<string, Wanted>();
      this.#wanted.set(owner, wanted.set(placeOf(breakpoint), { breakpoint, conditions }));
      this.#byAddress = null;
    };
    return {
      get size() {
        return mine()?.size ?? 0;
      },
      has: (breakpoint) => mine()?.has(placeOf(breakpoint)) ?? false,
      want,
      unwant: (breakpoint) => {
        mine()?.delete(placeOf(breakpoint));
        this.#byAddress = null;
      },
      stubHas: (breakpoint) => this.#inserted.has(placeOf(breakpoint)),
      insertNow: (breakpoint) =>
        this.#insertNow(breakpoint, () => {
          if (isHere()) want(breakpoint);
        }),
    };
  }

  /** The debugger wants none any more. */
  unwantAll(owner: number): void {
    this.#wanted.delete(owner);
    this.#byAddress = null;
  }

  /** Nobody wants any. */
  clear(): void {
    this.#wanted.clear();
    this.#values.clear();
    this.#byAddress = null;
  }

  /** What was inserted for code at an address. */
  at(address: bigint): readonly Wanted[] {
    this.#byAddress ??= this.#codeByAddress();
    return this.#byAddress.get(address) ?? [];
  }

  /** A debugger has written memory: what it compares watched values with is not known any more. */
  memoryWritten(): void {
    this.#values.forget();
  }

  /** What watches an address for writes; empty where reads of it are watched as well. */
  writesWatched(address: bigint): readonly Breakpoint[] {
    const there = [...this.#wanted.values()]
      .flatMap((wanted) => [...wanted.values()])
      .map(({ breakpoint }) => breakpoint)
      .filter((one) => !isOfCode(one) && address >= one.address && address < one.address + BigInt(one.length));
    return there.every(({ type }) => type === "write") ? there : [];
  }

  /** True where a write has changed nothing at these. */
  areSame(watches: readonly Breakpoint[]): Conversation<boolean> {
    return this.#values.areSame(watches);
  }

  get hasConditions(): boolean {
    for (const wanted of this.#wanted.values()) {
      for (const { conditions } of wanted.values()) if (conditions.length > 0) return true;
    }
    return false;
  }

  /** True where the stub holds some. */
  get stubHasSome(): boolean {
    return this.#inserted.size > 0;
  }

  /** True where the stub holds some that nobody wants. */
  get stubHasUnwanted(): boolean {
    return [...this.#inserted.keys()].some((place) => !this.#isWanted(place));
  }

  /** The stub's link has ended, and what it had with it; what is wanted stays. */
  stubForgot(): void {
    this.#inserted.clear();
  }

  get isInStep(): boolean {
    if (this.stubHasUnwanted) return false;
    for (const wanted of this.#wanted.values()) {
      for (const place of wanted.keys()) if (!this.#inserted.has(place)) return false;
    }
    return true;
  }

  /**
   * Tells the stub the difference: null, or the stub's error to an insertion of this owner's. What the stub
   * refuses to others is wanted no more, but where nobody is asked about (null).
   */
  *bringInStep(owner: number | null): Conversation<string | null> {
    for (const place of [...this.#inserted.keys()]) {
      if (this.#isWanted(place)) continue;
      yield `z${place}`;
      this.#inserted.delete(place);
    }
    for (const [who, wanted] of [...this.#wanted]) {
      for (const [place, { breakpoint }] of [...wanted]) {
        if (this.#inserted.has(place)) continue;
        const reply = yield `Z${place}`;
        if (reply === "OK") this.#inserted.set(place, breakpoint);
        else if (who === owner) return reply;
        else if (owner !== null) wanted.delete(place);
      }
    }
    return null;
  }

  *#insertNow(breakpoint: Breakpoint, want: () => void): Conversation<string> {
    const place = placeOf(breakpoint);
    const reply = this.#inserted.has(place) ? "OK" : yield `Z${place}`;
    if (reply !== "OK") return reply;
    this.#inserted.set(place, breakpoint);
    if (breakpoint.type === "write") yield* this.#values.inserted(breakpoint);
    want();
    return reply;
  }

  #isWanted(place: string): boolean {
    for (const wanted of this.#wanted.values()) if (wanted.has(place)) return true;
    return false;
  }

  #codeByAddress(): ReadonlyMap<bigint, readonly Wanted[]> {
    const places = new Map<bigint, Wanted[]>();
    for (const wanted of this.#wanted.values()) {
      for (const one of wanted.values()) {
        const { address } = one.breakpoint;
        if (!isOfCode(one.breakpoint)) continue;
        const there = places.get(address);
        if (there === undefined) places.set(address, [one]);
        else there.push(one);
      }
    }
    return places;
  }
}
