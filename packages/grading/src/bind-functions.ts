import type { Parameters } from "@ringside/shared";
import type { KernelFunction } from "./function-names.ts";
import type { Check, Condition, RightAnswer, Rubric } from "./rubric.ts";

/** A rubric may leave a function's name to a parameter: `$handler` is another function for each student. */
const SIGN = "$";

/** True where the name still is a parameter's: the session has none, or it is a number. */
export const isUnbound = ({ name }: KernelFunction): boolean => name.startsWith(SIGN);

/** The rubric for one student, whose parameters stand for the functions that they name. */
export function bindFunctions(rubric: Rubric, parameters: Parameters): Rubric {
  const bind: Bind = (target) => {
    const value = isUnbound(target) ? parameters[target.name.slice(SIGN.length)] : undefined;
    return typeof value === "string" ? { name: value, names: [value] } : target;
  };
  return { ...rubric, checks: rubric.checks.map((check) => boundCheck(check, bind)) };
}

type Bind = (target: KernelFunction) => KernelFunction;

function boundCheck(check: Check, bind: Bind): Check {
  const partial = check.partial.map((part) => ({ ...part, when: bound(part.when, bind) }));
  return { ...check, when: bound(check.when, bind), partial };
}

function bound(condition: Condition, bind: Bind): Condition {
  const orNull = (target: KernelFunction | null) => (target === null ? null : bind(target));
  switch (condition.kind) {
    case "breakpoint_on":
    case "breakpoint_silent":
      return { ...condition, function: bind(condition.function) };
    case "stopped_at":
      return { ...condition, function: orNull(condition.function), via: orNull(condition.via) };
    case "stepped":
    case "read_memory":
      return { ...condition, in: orNull(condition.in) };
    case "never":
      return { ...condition, stoppedAt: orNull(condition.stoppedAt) };
    case "answered":
      return { ...condition, right: condition.right.map((right) => boundAnswer(right, bind)) };
    case "all_of":
    case "any_of":
    case "none_of":
      return { ...condition, conditions: condition.conditions.map((inner) => bound(inner, bind)) };
    case "attached":
    case "console_typed":
    case "printed":
    case "looked_at":
    case "read_registers":
    case "resumed_after":
      return condition;
    default:
      return condition satisfies never;
  }
}

const boundAnswer = (right: RightAnswer, bind: Bind): RightAnswer =>
  right.kind === "function" ? { ...right, function: bind(right.function) } : right;
