import { z } from "zod";
import { type Check, type Condition, checksIn, type Expected, type KernelFunction, type Rubric } from "./rubric.ts";
import { type RubricFile, rubricFileSchema, type WrittenCondition } from "./rubric-file.ts";
import { readYaml } from "./yaml-file.ts";

/**
 * Reads a `rubric.yaml`.
 * @param file its name, for messages
 * @throws RingsideError lab_invalid with file, line, place and what is allowed there
 */
export function parseRubricFile(file: string, text: string): Rubric {
  return readYaml(file, text, rubricSchema);
}

const rubricSchema = rubricFileSchema.transform((written, context): Rubric => {
  const functions = functionsOf(written);
  const checks = written.checks.map((check): Check => {
    const when = conditionOf(check.when, functions);
    const needs = [...new Set([...check.needs, ...checksIn(when)])];
    return { id: check.id, title: check.title, points: check.points, needs, when, hint: check.hint ?? null };
  });
  for (const { path, message } of [...duplicates(written), ...unknownNeeds(checks), ...cycles(checks)]) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
  return context.issues.length > 0 ? z.NEVER : { checks };
});

type Functions = ReadonlyMap<string, KernelFunction>;
interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function functionsOf(written: RubricFile): Functions {
  return new Map(
    written.functions.map(({ function: name, aliases }) => [name, { name, names: [...new Set([name, ...aliases])] }]),
  );
}

/** A condition in the form that is evaluated. The schema has seen to it that it has exactly one member. */
function conditionOf(written: WrittenCondition, functions: Functions): Condition {
  const named = (name: string): KernelFunction => functions.get(name) ?? { name, names: [name] };
  const { breakpoint_on, console_typed, stopped_at, resumed_after, never, all_of, any_of } = written;
  if (breakpoint_on !== undefined) return { kind: "breakpoint_on", function: named(breakpoint_on) };
  if (console_typed !== undefined) return { kind: "console_typed", text: console_typed };
  if (resumed_after !== undefined) return { kind: "resumed_after", check: resumed_after };
  if (all_of !== undefined) return { kind: "all_of", conditions: all_of.map((each) => conditionOf(each, functions)) };
  if (any_of !== undefined) return { kind: "any_of", conditions: any_of.map((each) => conditionOf(each, functions)) };
  if (never !== undefined) {
    const { wrote_registers: registers = false, wrote_memory: memory = false, before = null } = never;
    return { kind: "never", registers, memory, before };
  }
  if (stopped_at !== undefined) {
    return {
      kind: "stopped_at",
      function: named(stopped_at.function),
      via: stopped_at.via === undefined ? null : named(stopped_at.via),
      args: Object.entries(stopped_at.args).map(([name, value]) => ({ name, expected: expectedOf(value) })),
      cause: stopped_at.cause ?? null,
      afterWrites: stopped_at.after_writes,
    };
  }
  return { kind: "attached" };
}

function expectedOf(value: string | number): Expected {
  return typeof value === "number"
    ? { kind: "value", value: BigInt(value) }
    : { kind: "parameter", name: value.slice("$".length) };
}

function duplicates(written: RubricFile): readonly Fault[] {
  const ids = written.checks.map(({ id }) => id);
  const names = written.functions.map((each) => each.function);
  return [
    ...repeated(ids).map((index) => ({
      path: ["checks", index, "id"],
      message: `there is another check ${ids[index]}`,
    })),
    ...repeated(names).map((index) => ({
      path: ["functions", index, "function"],
      message: `${names[index]} is described above already`,
    })),
  ];
}

const repeated = (names: readonly string[]): readonly number[] =>
  names.flatMap((name, index) => (names.indexOf(name) < index ? [index] : []));

function unknownNeeds(checks: readonly Check[]): readonly Fault[] {
  const ids = checks.map(({ id }) => id);
  return checks.flatMap(({ needs }, index) =>
    needs
      .filter((need) => !ids.includes(need))
      .map((need) => ({
        path: ["checks", index],
        message: `there is no check ${need}; checks are: ${ids.join(", ")}`,
      })),
  );
}

/** Every check that needs itself, directly or through others. */
function cycles(checks: readonly Check[]): readonly Fault[] {
  const needs = new Map(checks.map((check) => [check.id, check.needs]));
  return checks.flatMap(({ id }, index) => {
    const seen = new Set<string>();
    const open = [...(needs.get(id) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(needs.get(next) ?? []));
    }
    return seen.has(id) ? [{ path: ["checks", index], message: `${id} needs itself, by way of its needs` }] : [];
  });
}
