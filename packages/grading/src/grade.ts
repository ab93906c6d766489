import type { Bilingual, FunctionRow, GradeResult, Verdict } from "@ringside/shared";
import { deriveFacts, type SymbolTable, type VerifyResult } from "@ringside/trace";
import { evaluate } from "./condition.ts";
import { Evidence } from "./evidence.ts";
import { EVIDENCE_MAX } from "./limits.ts";
import type { Outcome } from "./outcome.ts";
import { REASONS, withHint } from "./reasons.ts";
import { type Check, pointsMaxOf, type Rubric } from "./rubric.ts";
import { type ExpectedTrace, rubricProblem, traceProblem } from "./ungradable.ts";
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
  readonly expected: ExpectedTrace;
}

/**
 * Grades a trace. Pure: the same input gives the same result, and `canonicalJson` of it the same bytes.
 * What cannot be graded (damaged, not sealed, of another lab or image …) is `ungradable` with its reason.
 */
export function gradeTrace(input: GradeInput): GradeResult {
  const { trace, rubric, symbols, functions, expected } = input;
  const problem =
    traceProblem(trace, input.traceDigest, expected) ?? rubricProblem(rubric, symbols, functions, expected.parameters);
  const opened = trace.events[0];
  if (problem !== null || opened?.type !== "trace.opened") return result(input, problem, []);
  const facts = deriveFacts({ events: trace.events, symbols, functions });
  return result(input, null, verdicts(rubric, new Evidence(facts, opened)));
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
  const settle = (check: Check): Verdict => {
    const known = given.get(check.id);
    if (known !== undefined) return known;
    // Needs have no cycles: the rubric was parsed.
    const needed = check.needs.flatMap((id) => byId.get(id) ?? []);
    const missing = needed.filter((each) => settle(each).verdict !== "pass");
    const verdict = missing.length > 0 ? notReached(check, missing) : judge(check, evidence, outcomes);
    given.set(check.id, verdict);
    return verdict;
  };
  return rubric.checks.map(settle);
}

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

const base = ({ id, title, points }: Check) => ({ check: id, title, pointsMax: points });
