import type { ConnectionRole } from "@ringside/shared";
import type { Argument } from "./functions.ts";
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
  | (Done & { readonly kind: "registers_read" })
  | (Done & {
      readonly kind: "memory_read";
      readonly address: bigint;
      readonly bytes: number;
      readonly symbol: SymbolPlace | null;
    })
  /** `sure` is false where no answer was recorded: then it may or may not have been done. */
  | (Done & { readonly kind: "registers_written"; readonly sure: boolean })
  | (Done & {
      readonly kind: "memory_written";
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
  | (Base & { readonly kind: "machine_found" | "machine_gone"; readonly epoch: number });

export type FactKind = Fact["kind"];
/** The facts of these kinds; a member of `Fact` may stand for two kinds. */
export type FactOf<K extends FactKind> = Narrowed<Fact, K>;
type Narrowed<F, K> = F extends { readonly kind: infer Own }
  ? K & Own extends never
    ? never
    : F & { readonly kind: K }
  : never;
