import type { Arch, FunctionRow } from "@ringside/shared";
import { structureOf } from "./structures.ts";
import type { SymbolPlace, SymbolTable } from "./symbols.ts";

/** What is known of the function around a program counter, and of its arguments there. */
export interface FunctionPlace {
  /** The function's names: every symbol at its entry, and each without the compiler's suffix. */
  readonly names: readonly string[];
  readonly symbol: SymbolPlace;
  /** `entry`: its first instruction; `breakpoint`: where gdb's `break NAME` lands; else `inside`. */
  readonly position: "entry" | "breakpoint" | "inside";
  /** Known only at `entry` and `breakpoint`, of functions in the image's table. */
  readonly arguments: readonly Argument[];
}

export interface Argument {
  readonly name: string;
  /** As the C type reads it (signed or not); null where no register holds it. */
  readonly value: bigint | null;
  /** The structure that it points to; null where it is no such pointer. */
  readonly structure: string | null;
}

/** gcc's clones of a function: constant propagation, changed parameters, split parts. */
const COMPILER_SUFFIX = /(?:\.(?:isra|constprop|part|cold)(?:\.\d+)*)+$/;
const REGISTER_BYTES = { x86_64: 8, i386: 4 } as const satisfies Record<Arch, number>;
/** Arguments at a function's entry: the x86-64 System V ABI; 32-bit kernels are built with -mregparm=3. */
const ENTRY_REGISTERS = {
  x86_64: ["rdi", "rsi", "rdx", "rcx", "r8", "r9"],
  i386: ["eax", "edx", "ecx"],
} as const satisfies Record<Arch, readonly string[]>;

type Registers = ReadonlyMap<string, bigint>;

/** The functions of an image: its symbols together with its table of functions. */
export class FunctionTable {
  readonly #symbols: SymbolTable;
  readonly #arch: Arch;
  readonly #rows = new Map<bigint, FunctionRow>();

  constructor(symbols: SymbolTable, rows: readonly FunctionRow[], arch: Arch) {
    this.#symbols = symbols;
    this.#arch = arch;
    for (const row of rows) this.#rows.set(BigInt(row.entry), row);
  }

  /** The function that an instruction at `pc` belongs to; null outside the kernel's code. */
  at(pc: bigint, registers: Registers): FunctionPlace | null {
    const symbol = this.#symbols.lookup(pc);
    if (symbol === null) return null;
    const row = this.#rows.get(symbol.address);
    const position = positionOf(symbol, pc, row);
    const known = row === undefined || position === "inside" ? [] : this.#arguments(row, position, registers);
    return { names: functionNames(symbol, row), symbol, position, arguments: known };
  }

  /** The function that calls return to at this address: that of the call, which may be its last instruction. */
  ofReturn(address: bigint): { readonly names: readonly string[]; readonly symbol: SymbolPlace } | null {
    const symbol = address === 0n ? null : this.#symbols.lookup(address - 1n);
    if (symbol === null) return null;
    const names = functionNames(symbol, this.#rows.get(symbol.address));
    return { names, symbol: { ...symbol, offset: symbol.offset + 1 } };
  }

  #arguments(row: FunctionRow, position: "entry" | "breakpoint", registers: Registers): readonly Argument[] {
    const size = REGISTER_BYTES[this.#arch];
    // A larger one takes several registers or the stack, and moves those behind it.
    const allFit = row.params.every((param) => param.bytes <= size);
    return row.params.map((param, index) => {
      const atEntry = allFit ? ENTRY_REGISTERS[this.#arch][index] : undefined;
      const register = position === "entry" ? atEntry : (param.register ?? undefined);
      const raw = register === undefined ? undefined : registers.get(register);
      const value = raw === undefined ? null : typed(raw, param.bytes, param.signed);
      return { name: param.name, value, structure: param.pointsTo ?? structureOf(param.type) };
    });
  }
}

function positionOf(symbol: SymbolPlace, pc: bigint, row: FunctionRow | undefined): FunctionPlace["position"] {
  if (symbol.offset === 0) return row !== undefined && BigInt(row.breakpoint) === pc ? "breakpoint" : "entry";
  return row !== undefined && BigInt(row.breakpoint) === pc ? "breakpoint" : "inside";
}

function functionNames(symbol: SymbolPlace, row: FunctionRow | undefined): readonly string[] {
  const names = new Set(symbol.aliases);
  if (row !== undefined) names.add(row.name);
  for (const name of symbol.aliases) names.add(name.replace(COMPILER_SUFFIX, ""));
  return [...names];
}

function typed(raw: bigint, bytes: number, signed: boolean): bigint | null {
  if (bytes === 0 || bytes > 8) return null;
  return signed ? BigInt.asIntN(8 * bytes, raw) : BigInt.asUintN(8 * bytes, raw);
}
