import type { StoppedFact } from "@ringside/trace";
import type { Evidence } from "./evidence.ts";
import { SEEN_MAX } from "./limits.ts";
import { met, type Outcome, unmet } from "./outcome.ts";
import { REASONS } from "./reasons.ts";
import type { KernelFunction, StoppedAt } from "./rubric.ts";

/**
 * Looks for a stop that meets every part of `stopped_at`. Where there is none, the reason speaks of the stops
 * that came nearest: the parts are asked in the order of `Miss`, and a later miss is nearer.
 */
const MISSES = ["elsewhere", "via", "arguments_unknown", "arguments", "written", "cause"] as const;
type Miss = (typeof MISSES)[number];

interface Tried {
  readonly stop: StoppedFact;
  readonly miss: Miss | null;
}

/** Evaluates the condition over every stop of the student's. */
export function stoppedAt(condition: StoppedAt, evidence: Evidence): Outcome {
  const expected = expectedArguments(condition, evidence);
  const tried = evidence
    .of("stopped")
    .filter(({ who }) => evidence.mayCount(who))
    .map((stop): Tried => ({ stop, miss: missOf(stop, condition, expected, evidence) }));
  const found = tried.find(({ miss }) => miss === null);
  if (found !== undefined) {
    return met(REASONS.stopped(condition.function.name, expected.map(written)), found.stop.event);
  }
  const nearest = MISSES.findLast((miss) => tried.some((each) => each.miss === miss)) ?? "elsewhere";
  const stops = tried.filter(({ miss }) => miss === nearest).map(({ stop }) => stop);
  return explain(nearest, stops, condition, expected, evidence);
}

interface ExpectedArgument {
  readonly name: string;
  readonly value: bigint;
}

const written = ({ name, value }: ExpectedArgument): string => `${name} ${value}`;

function expectedArguments({ args }: StoppedAt, evidence: Evidence): readonly ExpectedArgument[] {
  return args.map(({ name, expected }) => {
    if (expected.kind === "value") return { name, value: expected.value };
    // The fit of rubric and session was checked before: the parameter is there and a number.
    return { name, value: BigInt(evidence.parameters[expected.name] ?? 0) };
  });
}

function missOf(
  stop: StoppedFact,
  { function: target, via, cause, afterWrites }: StoppedAt,
  expected: readonly ExpectedArgument[],
  evidence: Evidence,
): Miss | null {
  if (!isOf(stop.names, target)) return "elsewhere";
  if (via !== null && !stop.frames.some(({ names }) => isOf(names, via))) return "via";
  const values = expected.map(({ name }) => argument(stop, name));
  if (values.includes(null)) return "arguments_unknown";
  if (values.some((value, index) => value !== expected[index]?.value)) return "arguments";
  if (afterWrites === "refuse" && evidence.writeBefore(stop) !== null) return "written";
  if (cause !== null && stop.cause !== cause) return "cause";
  return null;
}

function explain(
  miss: Miss,
  stops: readonly StoppedFact[],
  condition: StoppedAt,
  expected: readonly ExpectedArgument[],
  evidence: Evidence,
): Outcome {
  const { name } = condition.function;
  const events = stops.map(({ event }) => event);
  switch (miss) {
    case "elsewhere":
      return unmet(REASONS.noStop(name));
    case "via":
      return unmet(REASONS.notVia(name, condition.via?.name ?? ""), ...events);
    case "arguments_unknown":
      return unmet(REASONS.argumentsUnknown(name, expected.map(written)), ...events);
    case "arguments":
      return unmet(REASONS.wrongArguments(name, expected.map(written), seenArguments(stops, expected)), ...events);
    case "written": {
      const write = stops[0] === undefined ? null : evidence.writeBefore(stops[0]);
      return unmet(REASONS.afterWrite(name, write?.event ?? 0), ...(write === null ? [] : [write.event]), ...events);
    }
    case "cause":
      return unmet(
        REASONS.wrongCause(name, condition.cause ?? "", distinct(stops.map(({ cause }) => cause))),
        ...events,
      );
    default:
      return miss satisfies never;
  }
}

/** What stood in the arguments instead: only the values where one argument is asked for, else name and value. */
function seenArguments(stops: readonly StoppedFact[], expected: readonly ExpectedArgument[]): readonly string[] {
  const [only, ...more] = expected;
  return distinct(
    stops.map((stop) =>
      only !== undefined && more.length === 0
        ? String(argument(stop, only.name))
        : expected.map(({ name }) => `${name} ${argument(stop, name)}`).join(" "),
    ),
  );
}

const distinct = (seen: readonly string[]): readonly string[] => [...new Set(seen)].slice(0, SEEN_MAX);

function argument(stop: StoppedFact, name: string): bigint | null {
  return stop.arguments.find((each) => each.name === name)?.value ?? null;
}

/** True where one of these is a name of the function. */
function isOf(names: readonly string[], target: KernelFunction): boolean {
  return names.some((name) => target.names.includes(name));
}
