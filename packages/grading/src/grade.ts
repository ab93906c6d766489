import type {
  Answer,
  Bilingual,
  FunctionAlias,
  FunctionRow,
  GradeResult,
  StructureRow,
  Verdict,
} from "@ringside/shared";
import { deriveFacts, type SymbolTable, type VerifyResult } from "@ringside/trace";
import { bindFunctions } from "./bind-functions.ts";
import { evaluate } from "./condition.ts";
import { Evidence } from "./evidence.ts";
import { rubricProblem } from "./fit.ts";
import { FunctionNames } from "./function-names.ts";
import { EVIDENCE_MAX } from "./limits.ts";
import type { Outcome } from "./outcome.ts";
import { REASONS, withHint } from "./reasons.ts";
import { type Check, type Partial, pointsMaxOf, type Rubric } from "./rubric.ts";
import { type ExpectedTrace, traceProblem } from "./ungradable.ts";
import { GRADER_VERSION } from "./version.ts";

export interface GradeInput {
  readonly trace: VerifyResult;
  readonly rubric: Rubric;
  /** sha256 of the rubric file, for the result. */
  readonly rubricDigest: string;
  /** sha256 of the trace as it was handed in. */
  readonly traceDigest: string;
  readonly symbols: SymbolTable;
  /** The image's table of functions. */
  readonly functions: readonly FunctionRow[];
  /** The image's table of structures, where it has one. */
  readonly structures?: readonly StructureRow[] | undefined;
  /** Functions of the image that a reference run found under several names. */
  readonly aliases?: readonly FunctionAlias[] | undefined;
  /** Symbols of the lab's own program, where it has one. */
  readonly program?: SymbolTable | undefined;
  /** Answers that were handed in with the submission; they come after those in the trace. */
  readonly answers?: readonly Answer[] | undefined;
  readonly expected: ExpectedTrace;
  /** The session goes on: its trace need be neither sealed nor signed, and the verdicts are those so far. */
  readonly soFar?: boolean | undefined;
}

/**
 * Grades a trace. Pure: the same input gives the same result, and `canonicalJson` of it the same bytes.
 * What cannot be graded (damaged, not sealed, of another lab or image …) is `ungradable` with its reason.
 */
export function gradeTrace(input: GradeInput): GradeResult {
  const { trace, symbols, functions, structures = [], program, expected } = input;
  const opened = trace.events[0];
  const damage = traceProblem(trace, input.soFar === true ? null : input.traceDigest, expected);
  if (damage !== null || opened?.type !== "trace.opened") return result(input, damage, []);
  const names = new FunctionNames(symbols, input.aliases);
  const { arch, parameters } = opened;
  const rubric = bindFunctions(input.rubric, parameters);
  const ground = { arch, symbols, names, functions, structures, program: program ?? null, parameters };
  const misfit = rubricProblem(rubric, ground);
  if (misfit !== null) return result(input, misfit, []);
  const facts = deriveFacts({ events: trace.events, symbols, functions, structures, program });
  const evidence = new Evidence({ facts, opened, names, answers: input.answers ?? [] });
  const timed = verdicts(rubric, evidence).map((verdict) => ({ ...verdict, times: timesOf(verdict, trace) }));
  return result(input, null, timed);
}

function timesOf({ evidence }: Verdict, { events }: VerifyResult): number[] {
  return evidence.map((event) => events[event]?.t ?? 0);
}

function result(input: GradeInput, ungradable: Bilingual | null, given: readonly Verdict[]): GradeResult {
  return {
    outcome: ungradable === null ? "graded" : "ungradable",
    ungradable,
    points: given.reduce((sum, { points }) => sum + points, 0),
    pointsMax: pointsMaxOf(input.rubric),
    verdicts: [...given],
    rubricDigest: input.rubricDigest,
    traceDigest: input.traceDigest,
    graderVersion: GRADER_VERSION,
  };
}

/** Verdicts in the rubric's order, whatever order the checks need each other in. */
function verdicts(rubric: Rubric, evidence: Evidence): readonly Verdict[] {
  const byId = new Map(rubric.checks.map((check) => [check.id, check]));
  const outcomes = new Map<string, Outcome>();
  const given = new Map<string, Verdict>();
  const missingOf = (needs: readonly string[]): readonly Check[] =>
    needs.flatMap((id) => byId.get(id) ?? []).filter((each) => settle(each).verdict !== "pass");
  const settle = (check: Check): Verdict => {
    const known = given.get(check.id);
    if (known !== undefined) return known;
    // Needs have no cycles: the rubric was parsed.
    const missing = missingOf(check.needs);
    const reached = check.partial.filter(({ needs }) => missingOf(needs).length === 0);
    const whole = missing.length > 0 ? notReached(check, missing) : judge(check, evidence, outcomes);
    const verdict = whole.verdict === "pass" ? whole : (partly(check, whole, reached, evidence, outcomes) ?? whole);
    given.set(check.id, verdict);
    return verdict;
  };
  return rubric.checks.map(settle);
}

type Outcomes = ReadonlyMap<string, Outcome>;

function notReached(check: Check, missing: readonly Check[]): Verdict {
  const reason = REASONS.needsFirst(missing.map(({ title }) => title));
  return { ...base(check), verdict: "not_reached", points: 0, reason, evidence: [] };
}

function judge(check: Check, evidence: Evidence, outcomes: Map<string, Outcome>): Verdict {
  const outcome = evaluate(check.when, evidence, outcomes);
  outcomes.set(check.id, outcome);
  return {
    ...base(check),
    verdict: outcome.met ? "pass" : "fail",
    points: outcome.met ? check.points : 0,
    reason: outcome.met ? outcome.reason : withHint(outcome.reason, check.hint),
    evidence: outcome.events.slice(0, EVIDENCE_MAX),
  };
}

/** The part with the most points that is met; null where none is. The reason says what is missing of the whole, too. */
function partly(
  check: Check,
  whole: Verdict,
  reached: readonly Partial[],
  evidence: Evidence,
  outcomes: Outcomes,
): Verdict | null {
  for (const part of [...reached].sort((a, b) => b.points - a.points)) {
    const outcome = evaluate(part.when, evidence, outcomes);
    if (!outcome.met) continue;
    return {
      ...base(check),
      verdict: "partial",
      points: part.points,
      reason: REASONS.both([REASONS.partly(part.title, outcome.reason), whole.reason]),
      evidence: outcome.events.slice(0, EVIDENCE_MAX),
    };
  }
  return null;
}

const base = ({ id, title, points }: Check) => ({ check: id, title, pointsMax: points });
