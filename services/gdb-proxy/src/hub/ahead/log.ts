import type { Translation } from "./translation.ts";

/** Bytes that a step has written, within one page. */
export interface WrittenBytes {
  readonly address: bigint;
  readonly physical: bigint;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** How the machine stood after a step. */
export interface Standing {
  /** The stop reply. */
  readonly stop: string;
  /** The `g` reply. */
  readonly registers: string;
  /** What this step has written, in its order; of the first one nothing is kept, as that is not taken back. */
  readonly written: readonly WrittenBytes[];
}

/** A debugger is likely to ask for many steps of the same kind. */
export interface AheadWish {
  /** What the debugger calls those steps; another each time. */
  readonly name: number;
  /** With the one that it asks for. */
  readonly steps: number;
}

/** A debugger has taken only the first of the steps that it calls so. */
export interface StepsTaken {
  readonly name: number;
  readonly took: number;
}

/**
 * Steps that were taken ahead of a debugger, which asked for the first one: what it takes to answer for the others, and
 * to take the machine back to where it stood after any of them. True as long as nobody else moves or writes.
 */
export interface AheadLog {
  /** Whose steps they are, and what that calls them. */
  readonly connection: number;
  readonly name: number;
  /** Steps that led to where the first of them began. */
  readonly before: number;
  /** At least two. */
  readonly steps: readonly Standing[];
  /** The machine's page tables as they were meanwhile. */
  readonly translation: Translation;
}
