import type { ConnectionRole } from "@ringside/shared";
import type { Argument } from "./functions.ts";
import type { Mode } from "./modes.ts";
import type { Look } from "./structures.ts";
import type { SymbolPlace } from "./symbols.ts";

/** Whose doing it was. */
export interface Who {
  readonly connection: number;
  readonly user: string;
  readonly role: ConnectionRole;
}

interface Base {
  /** Number of the event that shows it. */
  readonly event: number;
  /** The event's time, milliseconds since the trace was opened. */
  readonly t: number;
}

interface Done extends Base {
  readonly who: Who;
}

export type BreakpointKind = "software" | "hardware" | "write" | "read" | "access";

export interface Frame {
  readonly address: bigint;
  readonly symbol: SymbolPlace | null;
  /** Every name of the function; empty where it is unknown. */
  readonly names: readonly string[];
}

/** A function of the lab's own program. */
export interface ProgramPlace {
  readonly names: readonly string[];
  readonly symbol: SymbolPlace;
}

/** What a program had in its registers when it entered the kernel, as the cell read it at the stop. */
export interface UserState {
  /** The number of the system call. */
  readonly nr: bigint;
  readonly registers: ReadonlyMap<string, bigint>;
}

/** A breakpoint that stood while the machine ran, and was not hit. */
export interface Missed {
  readonly connection: number;
  readonly address: bigint;
  readonly names: readonly string[];
}

export type StopCause = "breakpoint" | "watchpoint" | "step" | "interrupt" | "other";

export interface StoppedFact extends Base {
  readonly kind: "stopped";
  /** Who set the machine running before; null for the cell itself, or where it was not recorded. */
  readonly who: Who | null;
  readonly signal: number | null;
  readonly cause: StopCause;
  /** Null where the registers could not be read. */
  readonly pc: bigint | null;
  readonly symbol: SymbolPlace | null;
  /** Names of the function that pc is in, with all aliases; empty outside the kernel's code. */
  readonly names: readonly string[];
  readonly position: "entry" | "breakpoint" | "inside" | null;
  readonly arguments: readonly Argument[];
  /** Callers, innermost first. */
  readonly frames: readonly Frame[];
  readonly registers: ReadonlyMap<string, bigint>;
  /** Null where it is not known, or where program counter and privilege do not fit together. */
  readonly mode: Mode | null;
  /** In user mode, where the lab's program is known. */
  readonly program: ProgramPlace | null;
  /** Present where the chain of calls ends at an entry to the kernel and the cell has read it. */
  readonly user: UserState | null;
  readonly missed: readonly Missed[];
  /** How often conditions of breakpoints did not hold on the way here. */
  readonly misses: number;
}

/** The student had the machine step: see stepping.ts. */
export interface SteppedFact extends Done {
  readonly kind: "stepped";
  /** `line`: over lines of source; `out`: to where the function was called from. */
  readonly how: "instruction" | "line" | "out";
  /** Instructions for `instruction`; else 1. */
  readonly count: number;
  /** Names of the functions that it began and ended in. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** What the Events of a trace say in the words of debugging. One event gives at most a few facts. */
export type Fact =
  | (Done & { readonly kind: "attached"; readonly to: "gdb" | "console"; readonly via: "websocket" | "tcp" | "link" })
  | (Done & { readonly kind: "left"; readonly from: "gdb" | "console"; readonly why: string })
  | (Done & {
      readonly kind: "breakpoint_inserted" | "breakpoint_removed";
      readonly breakpoint: BreakpointKind;
      readonly address: bigint;
      /** gdb's second number: of a watchpoint, the bytes watched. */
      readonly size: number;
      readonly symbol: SymbolPlace | null;
      readonly names: readonly string[];
    })
  | (Base & { readonly kind: "resumed"; readonly who: Who | null; readonly action: "continue" | "step" })
  | StoppedFact
  | SteppedFact
  /** `told`: the near agent answered it, so that it is the student's word. `registers` is null for all of them. */
  | (Done & { readonly kind: "registers_read"; readonly told: boolean; readonly registers: readonly string[] | null })
  | (Done & {
      readonly kind: "memory_read";
      readonly told: boolean;
      readonly address: bigint;
      readonly bytes: number;
      readonly symbol: SymbolPlace | null;
      /** What was read, where it is known and fits into a register. */
      readonly value: bigint | null;
      /** On the stack that the machine had at its last stop. */
      readonly onStack: boolean;
      /** False for what gdb reads by itself, before it shows the stop. */
      readonly asked: boolean;
    })
  /** The read before shows a member of a structure whose place is known. */
  | (Done & Look & { readonly kind: "looked_at"; readonly told: boolean })
  /** `sure` is false where no answer was recorded: then it may or may not have been done. */
  | (Done & {
      readonly kind: "registers_written";
      readonly sure: boolean;
      /** Null for all of them. */
      readonly registers: readonly string[] | null;
      /** The program counter is among them. */
      readonly jumped: boolean;
    })
  | (Done & {
      readonly kind: "memory_written";
      /** It holds the kernel's code. */
      readonly isCode: boolean;
      readonly sure: boolean;
      readonly address: bigint;
      readonly bytes: number;
      readonly symbol: SymbolPlace | null;
    })
  | (Done & { readonly kind: "monitor"; readonly command: string; readonly accepted: boolean })
  | (Done & { readonly kind: "detached" })
  | (Done & { readonly kind: "interrupted" })
  /** With `monitor answer`. */
  | (Done & { readonly kind: "answered"; readonly question: string; readonly value: string })
  | (Done & { readonly kind: "console_typed"; readonly line: string })
  | (Base & { readonly kind: "console_printed"; readonly line: string })
  /** `saved`: it began from a saved state that somebody chose, not fresh and not where it had been left. */
  | (Base & { readonly kind: "machine_found"; readonly epoch: number; readonly saved: boolean })
  | (Base & { readonly kind: "machine_gone"; readonly epoch: number });

export type FactKind = Fact["kind"];
/** The facts of these kinds; a member of `Fact` may stand for two kinds. */
export type FactOf<K extends FactKind> = Narrowed<Fact, K>;
type Narrowed<F, K> = F extends { readonly kind: infer Own }
  ? K & Own extends never
    ? never
    : F & { readonly kind: K }
  : never;
