import { REGISTER_LAYOUTS } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { FunctionTable } from "./functions.ts";
import type { SymbolTable } from "./symbols.ts";

export const PROGRAM_COUNTERS = { x86_64: "rip", i386: "eip" } as const satisfies Record<Arch, string>;
export const STACK_POINTERS = { x86_64: "rsp", i386: "esp" } as const satisfies Record<Arch, string>;

/** The registers that stops are recorded with, by gdb's names. */
export function registerNames(arch: Arch): readonly string[] {
  return REGISTER_LAYOUTS[arch].map(({ name }) => name);
}

const NO_REGISTERS: ReadonlyMap<string, bigint> = new Map();

/** What is known of addresses: the kernel's, and those of the lab's own program. */
export class Places {
  readonly symbols: SymbolTable;
  readonly functions: FunctionTable;
  /** Null where the lab has none. Programs share addresses: this one is taken for whatever runs. */
  readonly program: SymbolTable | null;
  readonly #names = new Map<bigint, readonly string[]>();

  constructor(symbols: SymbolTable, functions: FunctionTable, program: SymbolTable | null) {
    this.symbols = symbols;
    this.functions = functions;
    this.program = program;
  }

  /** Names of the function at an address, the kernel's or the program's; empty where it is in none. */
  namesAt(address: bigint): readonly string[] {
    const known = this.#names.get(address);
    if (known !== undefined) return known;
    const kernel = this.functions.at(address, NO_REGISTERS);
    const names = kernel?.names ?? this.program?.lookup(address)?.aliases ?? [];
    if (this.#names.size < NAMES_KEPT_MAX) this.#names.set(address, names);
    return names;
  }
}

/** Addresses whose names are kept. */
const NAMES_KEPT_MAX = 10_000;
