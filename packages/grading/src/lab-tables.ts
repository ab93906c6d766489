import {
  type Bilingual,
  type DigitsOrigin,
  type LabFile,
  type LabNote,
  type LabTable,
  type LabTables,
  labTableSchema,
  type ParameterRule,
  type ParameterValue,
  TABLE_ROWS_MAX,
} from "@ringside/shared";
import { readYaml } from "./yaml-file.ts";

/** Tables of a lab: files beside `lab.yaml` in which parameters of kind `lookup` look a value up. */
type Lookup = Extract<ParameterRule, { readonly kind: "lookup" }>;

/**
 * Reads a table's file.
 * @param file its name, for messages
 * @throws RingsideError lab_invalid with file, line and what is wrong
 */
export function parseLabTable(file: string, text: string): LabTable {
  return readYaml(file, text, labTableSchema);
}

/** Names of the tables that a lab's parameters look into. */
export function tableNames({ parameters }: Pick<LabFile, "parameters">): readonly string[] {
  return [...new Set(lookupsOf(parameters).map(([, { table }]) => table))];
}

/** What the row for `value` of the parameter `rule.by` has in the rule's column; null where there is no such value. */
export function lookUp(tables: LabTables, rule: Lookup, value: ParameterValue): ParameterValue | null {
  const row = tables[rule.table]?.rows.find((each) => each[rule.by] === value);
  const found = row?.[rule.column];
  return found === undefined || typeof found === "object" ? null : found;
}

/**
 * What is wrong between a lab's parameters and its tables, in words; null where every student gets every value.
 * @param tables by name, all that `tableNames` gives
 */
export function tableProblem({ parameters }: Pick<LabFile, "parameters">, tables: LabTables): string | null {
  for (const [name, rule] of Object.entries(parameters)) {
    const problem = problemOf(rule, parameters, tables);
    if (problem !== null) return `parameters.${name}: ${problem}`;
  }
  return null;
}

function problemOf(rule: ParameterRule, parameters: LabFile["parameters"], tables: LabTables): string | null {
  if (rule.kind === "digits_origin") {
    const of = parameters[rule.of]?.kind;
    return of === "student_digits" || of === "fixed" ? null : `of must name a parameter of kind student_digits`;
  }
  if (rule.kind !== "lookup") return null;
  const source = parameters[rule.by];
  const range = source === undefined ? null : rangeOf(source);
  if (range === null) {
    return `by must name a number of kind student_digits, int or fixed, of at most ${TABLE_ROWS_MAX} values`;
  }
  const keys = tables[rule.table]?.rows.map((row) => row[rule.by]) ?? [];
  const twice = keys.find((key, index) => key !== undefined && keys.indexOf(key) < index);
  if (twice !== undefined) return `${rule.table}.yaml has two rows with ${rule.by} ${twice}`;
  for (let value = range.min; value <= range.max; value += 1) {
    if (lookUp(tables, rule, value) === null) {
      return `${rule.table}.yaml has no value ${rule.column} in a row with ${rule.by} ${value}`;
    }
  }
  return null;
}

const ORIGIN_TEXTS: Readonly<Record<Exclude<DigitsOrigin, "student_number">, Bilingual>> = {
  course: {
    en: "Your student number has not enough digits: yours were drawn.",
    zh: "你的学号中没有足够的数字,由课程为你抽取。",
  },
  lab: { en: "Your instructor has given you these digits.", zh: "这些数字由教师指定。" },
};

/** What students are told of their values: the texts in the rows of tables, and digits that are not their number's. */
export function labNotes({ parameters }: Pick<LabFile, "parameters">, tables: LabTables): readonly LabNote[] {
  const origins = Object.entries(parameters).flatMap(([parameter, rule]) =>
    rule.kind === "digits_origin"
      ? Object.entries(ORIGIN_TEXTS).map(([value, text]) => ({ parameter, value, text }))
      : [],
  );
  const keys = new Map(lookupsOf(parameters).map(([, { table, by }]) => [table, by]));
  const rows = [...keys].flatMap(([table, by]) => (tables[table]?.rows ?? []).flatMap((row) => notesOf(row, by)));
  return [...origins, ...rows];
}

function notesOf(row: LabTable["rows"][number], by: string): readonly LabNote[] {
  const value = row[by];
  if (value === undefined || typeof value === "object") return [];
  const texts = Object.values(row).filter((each) => typeof each === "object");
  return texts.map((text) => ({ parameter: by, value, text }));
}

/** The numbers that a parameter may have; null for what is no number, or may be too many. */
function rangeOf(rule: ParameterRule): { readonly min: number; readonly max: number } | null {
  switch (rule.kind) {
    case "student_digits":
      return { min: 0, max: 10 ** rule.count - 1 };
    case "int":
      return rule.max - rule.min < TABLE_ROWS_MAX ? rule : null;
    case "fixed":
      return typeof rule.value === "number" ? { min: rule.value, max: rule.value } : null;
    case "word":
    case "nonce":
    case "digits_origin":
    case "lookup":
      return null;
    default:
      return rule satisfies never;
  }
}

function lookupsOf(parameters: LabFile["parameters"]): readonly (readonly [string, Lookup])[] {
  return Object.entries(parameters).flatMap(([name, rule]) => (rule.kind === "lookup" ? [[name, rule] as const] : []));
}
