import type { KernelFunction } from "./function-names.ts";
import { type Condition, conditionsOf, type Rubric } from "./rubric.ts";

/** The kernel's functions that a rubric speaks of, in the order in which it does, once each. */
export function functionsIn(rubric: Pick<Rubric, "checks">): readonly KernelFunction[] {
  const byName = new Map<string, KernelFunction>();
  for (const check of rubric.checks) {
    for (const condition of conditionsOf(check)) {
      for (const each of functionsOf(condition)) if (each !== null) byName.set(each.name, each);
    }
  }
  return [...byName.values()];
}

function functionsOf(condition: Condition): readonly (KernelFunction | null)[] {
  switch (condition.kind) {
    case "breakpoint_on":
    case "breakpoint_silent":
      return [condition.function];
    case "stopped_at":
      return [condition.function, condition.via];
    case "stepped":
    case "read_memory":
      return [condition.in];
    case "never":
      return [condition.stoppedAt];
    case "answered":
      return condition.right.map((right) => (right.kind === "function" ? right.function : null));
    case "all_of":
    case "any_of":
    case "none_of":
    case "attached":
    case "console_typed":
    case "printed":
    case "looked_at":
    case "read_registers":
    case "resumed_after":
      return [];
    default:
      return condition satisfies never;
  }
}
