import {
  type FunctionAlias,
  type FunctionRow,
  type LabOracle,
  ORACLE_CALLS_MAX,
  ORACLE_FUNCTIONS_MAX,
  ORACLE_NAMES_MAX,
  ORACLE_STOPS_MAX,
  type OracleFunction,
  type OracleStop,
  type Parameters,
  type StructureRow,
} from "@ringside/shared";
import { deriveFacts, type Frame, type StoppedFact, type SymbolTable, type TraceEvent } from "@ringside/trace";
import { bindFunctions } from "./bind-functions.ts";
import { FunctionNames, type KernelFunction } from "./function-names.ts";
import { functionsIn } from "./functions-in-rubric.ts";
import type { Rubric } from "./rubric.ts";

export interface OracleInput {
  readonly lab: string;
  readonly labDigest: string;
  readonly image: LabOracle["image"];
  /** Those of the student who did the lab. */
  readonly parameters: Parameters;
  readonly rubric: Rubric;
  /** Events of the recording of the model solution. */
  readonly events: readonly TraceEvent[];
  readonly symbols: SymbolTable;
  readonly functions: readonly FunctionRow[];
  readonly structures?: readonly StructureRow[] | undefined;
  readonly aliases?: readonly FunctionAlias[] | undefined;
  readonly program?: SymbolTable | undefined;
}

/** What a run of a lab's model solution shows: where the rubric's functions are in this image, and every stop. Pure. */
export function labOracle(input: OracleInput): LabOracle {
  const { lab, labDigest, image, parameters, symbols } = input;
  const names = new FunctionNames(symbols, input.aliases);
  const rows = new Map(input.functions.map((row) => [BigInt(row.entry), row]));
  const wanted = functionsIn(bindFunctions(input.rubric, parameters)).slice(0, ORACLE_FUNCTIONS_MAX);
  const stops = deriveFacts(input).filter((fact): fact is StoppedFact => fact.kind === "stopped");
  return {
    format: 1,
    lab,
    labDigest,
    image,
    parameters,
    functions: wanted.map((each) => describe(each, names, symbols, rows)),
    stops: stops
      .slice(0, ORACLE_STOPS_MAX)
      .map((stop) => stopOf(stop, { wanted, names, rows, program: input.program })),
    stopsLeftOut: Math.max(0, stops.length - ORACLE_STOPS_MAX),
  };
}

type Rows = ReadonlyMap<bigint, FunctionRow>;

const hex = (address: bigint): string => `0x${address.toString(16)}`;

/** Every place that a name stands for in the image, in the order of their addresses. */
function describe(target: KernelFunction, names: FunctionNames, symbols: SymbolTable, rows: Rows): OracleFunction {
  const resolved = names.resolve(target);
  const entries = resolved.kind === "found" ? [...resolved.entries].sort((a, b) => (a < b ? -1 : 1)) : [];
  const places = entries.slice(0, ORACLE_NAMES_MAX).map((entry) => {
    const row = rows.get(entry);
    return {
      names: [...(symbols.lookupAny(entry)?.aliases ?? [])].slice(0, ORACLE_NAMES_MAX),
      entry: hex(entry),
      breakpoint: row?.breakpoint ?? null,
      params: (row?.params ?? []).map(({ name, type, register }) => ({ name, type, register })),
    };
  });
  return { name: target.name, places };
}

interface Known {
  readonly wanted: readonly KernelFunction[];
  readonly names: FunctionNames;
  readonly rows: Rows;
  readonly program: SymbolTable | undefined;
}

function stopOf(stop: StoppedFact, { wanted, names, rows, program }: Known): OracleStop {
  const row = stop.symbol === null ? undefined : rows.get(stop.symbol.address);
  const known = stop.position === "breakpoint" ? (row?.params ?? []) : [];
  const registers = new Map(known.map(({ name, register }) => [name, register]));
  return {
    event: stop.event,
    t: stop.t,
    cause: stop.cause,
    address: stop.pc === null ? null : hex(stop.pc),
    course: wanted.filter((each) => isOneOf(stop.names, each, names)).map(({ name }) => name),
    names: [...(stop.names.length > 0 ? stop.names : (stop.program?.names ?? []))].slice(0, ORACLE_NAMES_MAX),
    position: stop.position,
    arguments: stop.arguments.map(({ name, value }) => ({
      name,
      register: registers.get(name) ?? null,
      value: value === null ? null : String(value),
    })),
    calls: stop.frames.slice(0, ORACLE_CALLS_MAX).map((frame) => nameOf(frame, program)),
    syscall: stop.user === null ? null : String(stop.user.nr),
  };
}

function isOneOf(seen: readonly string[], target: KernelFunction, names: FunctionNames): boolean {
  const resolved = names.resolve(target);
  return resolved.kind === "found" && seen.some((name) => resolved.names.has(name));
}

/** A caller's name: of the kernel, else of the program; of the call, which may be the last instruction. */
function nameOf({ symbol, names, address }: Frame, program: SymbolTable | undefined): string {
  const own = address === 0n ? undefined : program?.lookup(address - 1n)?.name;
  return symbol?.name ?? names[0] ?? own ?? hex(address);
}
