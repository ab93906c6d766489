import type { StoppedFact } from "@ringside/trace";
import type { Evidence } from "../evidence.ts";
import { SEEN_MAX } from "../limits.ts";
import { met, type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { StoppedAt } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";
import { registerIs, type Wanted, wantedOf, written } from "./values.ts";

/**
 * Looks for a stop that meets every part of `stopped_at`. Where there is none, the reason speaks of the stops
 * that came nearest: the parts are asked in the order of `Miss`, and a later miss is nearer.
 */
const MISSES = [
  "elsewhere",
  "mode",
  "position",
  "via",
  "arguments_unknown",
  "arguments",
  "registers",
  "user_unknown",
  "user_registers",
  "early",
  "tainted",
  "cause",
  "by_step",
] as const;
type Miss = (typeof MISSES)[number];

interface Tried {
  readonly stop: StoppedFact;
  readonly miss: Miss | null;
}

interface Search {
  readonly condition: StoppedAt;
  readonly evidence: Evidence;
  readonly args: readonly Wanted[];
  readonly registers: readonly Wanted[];
  readonly userRegisters: readonly Wanted[];
  readonly after: number;
  /** Events of stops that ended such steps. */
  readonly steps: ReadonlySet<number>;
}

/** Evaluates the condition over every stop of the student's. */
export function stoppedAt(condition: StoppedAt, evidence: Evidence, earlier: Earlier): Outcome {
  const search = searchFor(condition, evidence, earlier);
  const tried = evidence
    .of("stopped")
    .filter(({ who }) => evidence.mayCount(who))
    .map((stop): Tried => ({ stop, miss: missOf(stop, search) }));
  const found = tried.find(({ miss }) => miss === null);
  if (found !== undefined) return met(REASONS.stopped(placeOf(condition), details(search)), found.stop.event);
  const nearest = MISSES.findLast((miss) => tried.some((each) => each.miss === miss)) ?? "elsewhere";
  const stops = tried.filter(({ miss }) => miss === nearest).map(({ stop }) => stop);
  return explain(nearest, stops, search);
}

function searchFor(condition: StoppedAt, evidence: Evidence, earlier: Earlier): Search {
  const { syscall, byStep } = condition;
  const number = syscall === null ? [] : [{ name: SYSCALL, expected: syscall }];
  const steps = byStep === null ? [] : evidence.own("stepped").filter(({ how }) => how === byStep);
  return {
    condition,
    evidence,
    args: wantedOf(condition.args, evidence.parameters),
    registers: wantedOf(condition.registers, evidence.parameters),
    userRegisters: wantedOf([...number, ...condition.userRegisters], evidence.parameters),
    after: momentOf(earlier, condition.after),
    steps: new Set(steps.map(({ event }) => event)),
  };
}

/** How the number of the system call is named beside the program's registers. */
const SYSCALL = "syscall";

/** How the place is named in reasons. */
function placeOf({ function: target, program, mode }: StoppedAt): string {
  return target?.name ?? program ?? (mode === "user" ? "a program" : "the kernel");
}

const details = ({ args, registers, userRegisters }: Search): readonly string[] =>
  [...args, ...registers, ...userRegisters].map(written);

function missOf(stop: StoppedFact, search: Search): Miss | null {
  const { condition, evidence, args, registers, userRegisters } = search;
  const { via, mode, position, cause } = condition;
  if (!isThere(stop, condition, evidence)) return "elsewhere";
  if (mode !== null && stop.mode !== mode) return "mode";
  if (position !== null && stop.position !== position) return "position";
  if (via !== null && !stop.frames.some(({ names }) => evidence.isOf(names, via))) return "via";
  const values = args.map(({ name }) => argument(stop, name));
  if (values.includes(null)) return "arguments_unknown";
  if (values.some((value, index) => value !== args[index]?.number)) return "arguments";
  if (!allAre(registers, (name) => stop.registers.get(name), stop)) return "registers";
  if (userRegisters.length > 0 && stop.user === null) return "user_unknown";
  if (!allAre(userRegisters, (name) => userValue(stop, name), stop)) return "user_registers";
  if (stop.event <= search.after) return "early";
  if (condition.afterWrites === "refuse" && evidence.taintBefore(stop.event) !== null) return "tainted";
  if (cause !== null && stop.cause !== cause) return "cause";
  if (condition.byStep !== null && !search.steps.has(stop.event)) return "by_step";
  return null;
}

function isThere(stop: StoppedFact, { function: target, program }: StoppedAt, evidence: Evidence): boolean {
  if (target !== null) return evidence.isOf(stop.names, target);
  // Where neither is given, mode is.
  return program === null || (stop.program?.names.includes(program) ?? false);
}

function userValue({ user }: StoppedFact, name: string): bigint | undefined {
  return name === SYSCALL ? user?.nr : user?.registers.get(name);
}

function allAre(wanted: readonly Wanted[], valueIn: (name: string) => bigint | undefined, stop: StoppedFact): boolean {
  const arch = stop.registers.has("rip") ? "x86_64" : "i386";
  return wanted.every((each) => {
    const seen = valueIn(each.name);
    return seen !== undefined && registerIs(seen, each, arch);
  });
}

function explain(miss: Miss, stops: readonly StoppedFact[], search: Search): Outcome {
  const { condition, evidence, args, registers, userRegisters } = search;
  const name = placeOf(condition);
  const events = stops.map(({ event }) => event);
  switch (miss) {
    case "elsewhere":
      return unmet(REASONS.noStop(name));
    case "mode": {
      const isUnknown = stops.every((stop) => stop.mode === null);
      const { mode } = condition;
      return unmet(
        isUnknown || mode === null ? REASONS.notRecorded(name, "mode") : REASONS.wrongMode(name, mode),
        ...events,
      );
    }
    case "position":
      return unmet(REASONS.wrongPosition(name, condition.position ?? ""), ...events);
    case "via":
      return unmet(REASONS.notVia(name, condition.via?.name ?? ""), ...events);
    case "arguments_unknown":
      return unmet(REASONS.argumentsUnknown(name, args.map(written)), ...events);
    case "arguments":
      return unmet(REASONS.wrongArguments(name, args.map(written), seenArguments(stops, args)), ...events);
    case "registers": {
      const seen = seenValues(stops, registers, (stop, register) => stop.registers.get(register));
      return unmet(REASONS.wrongRegisters(name, registers.map(written), seen), ...events);
    }
    case "user_unknown":
      return unmet(REASONS.notRecorded(name, "user"), ...events);
    case "user_registers": {
      const seen = seenValues(stops, userRegisters, userValue);
      return unmet(REASONS.wrongRegisters(name, userRegisters.map(written), seen), ...events);
    }
    case "early":
      return unmet(REASONS.tooEarly(name, condition.after ?? ""), ...events);
    case "tainted":
      return tainted(name, stops, evidence);
    case "cause": {
      const seen = distinct(stops.map(({ cause }) => cause));
      return unmet(REASONS.wrongCause(name, condition.cause ?? "", seen), ...events);
    }
    case "by_step":
      return unmet(REASONS.notByStep(name, condition.byStep ?? "line"), ...events);
    default:
      return miss satisfies never;
  }
}

function tainted(name: string, stops: readonly StoppedFact[], evidence: Evidence): Outcome {
  const events = stops.map(({ event }) => event);
  const taint = stops[0] === undefined ? null : evidence.taintBefore(stops[0].event);
  if (taint === null) return unmet(REASONS.noStop(name));
  const reason = taint.kind === "written" ? REASONS.afterWrite : REASONS.unknownPast;
  return unmet(reason(name, taint.event), taint.event, ...events);
}

/** What stood in the arguments instead: only the values where one argument is asked for, else name and value. */
function seenArguments(stops: readonly StoppedFact[], args: readonly Wanted[]): readonly string[] {
  const [only, ...more] = args;
  return distinct(
    stops.map((stop) =>
      only !== undefined && more.length === 0
        ? String(argument(stop, only.name))
        : args.map(({ name }) => `${name} ${argument(stop, name)}`).join(" "),
    ),
  );
}

function seenValues(
  stops: readonly StoppedFact[],
  wanted: readonly Wanted[],
  valueIn: (stop: StoppedFact, name: string) => bigint | undefined,
): readonly string[] {
  return distinct(
    stops.map((stop) => wanted.map(({ name }) => `${name} ${hexOrSmall(valueIn(stop, name))}`).join(" ")),
  );
}

const DECIMAL_MAX = 65_536n;

function hexOrSmall(value: bigint | undefined): string {
  if (value === undefined) return "?";
  return value < DECIMAL_MAX ? String(value) : `0x${value.toString(16)}`;
}

const distinct = (seen: readonly string[]): readonly string[] => [...new Set(seen)].slice(0, SEEN_MAX);

function argument(stop: StoppedFact, name: string): bigint | null {
  return stop.arguments.find((each) => each.name === name)?.value ?? null;
}
