import { z } from "zod";
import { conditionOf, type Functions } from "./read-condition.ts";
import { type Check, type Condition, checksIn, conditionsOf, type Question, type Rubric } from "./rubric.ts";
import { type RubricFile, rubricFileSchema } from "./rubric-file.ts";
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
  const checks = written.checks.map((check) => checkOf(check, functions));
  const { questions } = written;
  const faults = [
    ...duplicates(written),
    ...unknownNeeds(checks),
    ...cycles(checks),
    ...largeParts(checks),
    ...unknownQuestions(checks, questions),
  ];
  for (const { path, message } of faults) context.addIssue({ code: "custom", path: [...path], message });
  return context.issues.length > 0 ? z.NEVER : { checks, questions };
});

interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function functionsOf(written: RubricFile): Functions {
  return new Map(
    written.functions.map(({ function: name, aliases }) => [name, { name, names: [...new Set([name, ...aliases])] }]),
  );
}

function checkOf(written: RubricFile["checks"][number], functions: Functions): Check {
  const { id, title, points } = written;
  const needsFor = (when: Condition) => [...new Set([...written.needs, ...checksIn(when)])];
  const when = conditionOf(written.when, functions);
  const partial = written.partial.map((part) => {
    const how = conditionOf(part.when, functions);
    return { points: part.points, title: part.title ?? null, needs: needsFor(how), when: how };
  });
  return { id, title, points, needs: needsFor(when), when, partial, hint: written.hint ?? null };
}

function duplicates(written: RubricFile): readonly Fault[] {
  const ids = written.checks.map(({ id }) => id);
  const names = written.functions.map((each) => each.function);
  const questions = written.questions.map(({ id }) => id);
  return [
    ...repeated(ids).map((index) => ({
      path: ["checks", index, "id"],
      message: `there is another check ${ids[index]}`,
    })),
    ...repeated(names).map((index) => ({
      path: ["functions", index, "function"],
      message: `${names[index]} is described above already`,
    })),
    ...repeated(questions).map((index) => ({
      path: ["questions", index, "id"],
      message: `there is another question ${questions[index]}`,
    })),
  ];
}

const repeated = (names: readonly string[]): readonly number[] =>
  names.flatMap((name, index) => (names.indexOf(name) < index ? [index] : []));

/** Every check that must be judged before this one. */
const allNeeds = ({ needs, partial }: Check): readonly string[] => [
  ...new Set([...needs, ...partial.flatMap((part) => part.needs)]),
];

function unknownNeeds(checks: readonly Check[]): readonly Fault[] {
  const ids = checks.map(({ id }) => id);
  return checks.flatMap((check, index) =>
    allNeeds(check)
      .filter((need) => !ids.includes(need))
      .map((need) => ({
        path: ["checks", index],
        message: `there is no check ${need}; checks are: ${ids.join(", ")}`,
      })),
  );
}

/** Every check that needs itself, directly or through others. */
function cycles(checks: readonly Check[]): readonly Fault[] {
  const needs = new Map(checks.map((check) => [check.id, allNeeds(check)]));
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

function largeParts(checks: readonly Check[]): readonly Fault[] {
  return checks.flatMap(({ points, partial }, index) =>
    partial.flatMap((part, at) =>
      part.points < points
        ? []
        : [
            {
              path: ["checks", index, "partial", at, "points"],
              message: `must be less than the check's ${points} points`,
            },
          ],
    ),
  );
}

function unknownQuestions(checks: readonly Check[], questions: readonly Question[]): readonly Fault[] {
  const byId = new Map(questions.map((question) => [question.id, question]));
  const known =
    questions.length === 0 ? "there are none under questions:" : `questions are: ${[...byId.keys()].join(", ")}`;
  return checks.flatMap((check, index) =>
    [...conditionsOf(check)].flatMap((condition) => {
      if (condition.kind !== "answered") return [];
      const path = ["checks", index];
      const question = byId.get(condition.question);
      if (question === undefined) return [{ path, message: `there is no question ${condition.question}; ${known}` }];
      const isText = condition.right.some(({ kind }) => kind === "text" || kind === "function");
      if (question.kind === "text" || !isText) return [];
      return [{ path, message: `question ${question.id} is of kind number, and an answer here is a text` }];
    }),
  );
}
