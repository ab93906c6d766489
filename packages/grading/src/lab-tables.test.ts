import { RingsideError } from "@ringside/shared";
import { expect, it } from "vitest";
import { parseLabFile } from "./lab-file.ts";
import { labNotes, lookUp, parseLabTable, tableNames, tableProblem } from "./lab-tables.ts";

const lab = (parameters: string) =>
  parseLabFile(
    "lab.yaml",
    `{ title: { en: T, zh: T }, summary: { en: S, zh: S }, image: linux-x86_64, parameters: { ${parameters} } }`,
  );
const DIGITS = "d: { kind: student_digits, count: 1 }";
const LOOKUP = "call: { kind: lookup, table: targets, by: d, column: call }";
const rows = (count: number, more = "") =>
  parseLabTable(
    "targets.yaml",
    `rows:\n${Array.from({ length: count }, (_, n) => `  - { d: ${n}, call: call_${n}${more} }\n`).join("")}`,
  );

it("a table gives what stands in the row of the parameter", () => {
  const file = lab(`${DIGITS}, ${LOOKUP}`);
  expect(tableNames(file)).toEqual(["targets"]);
  const tables = { targets: rows(10, ", why: { en: Because., zh: 因为。 }") };
  expect(tableProblem(file, tables)).toBeNull();
  const rule = { kind: "lookup", table: "targets", by: "d", column: "call" } as const;
  expect(lookUp(tables, rule, 7)).toBe("call_7");
  expect(lookUp(tables, rule, 11)).toBeNull();
  expect(lookUp(tables, { ...rule, column: "why" }, 7)).toBeNull();
  expect(lookUp({}, rule, 7)).toBeNull();
});

it("texts in a table's rows, and digits that are not the number's, are what students are told", () => {
  const file = lab(`${DIGITS}, ${LOOKUP}, from: { kind: digits_origin, of: d }`);
  const why = { en: "Because.", zh: "因为。" };
  const targets = parseLabTable(
    "t.yaml",
    "rows: [{ d: 1, call: a, why: { en: Because., zh: 因为。 } }, { d: 2, call: b }]",
  );
  const notes = labNotes(file, { targets });
  expect(notes.filter(({ parameter }) => parameter === "d")).toEqual([{ parameter: "d", value: 1, text: why }]);
  expect(notes.filter(({ parameter }) => parameter === "from").map(({ value }) => value)).toEqual(["course", "lab"]);
  expect(labNotes(lab(DIGITS), {})).toEqual([]);
});

it("a table without a row for every student is told when the lab is loaded, not when one starts it", () => {
  const file = lab(`${DIGITS}, ${LOOKUP}`);
  expect(tableProblem(file, { targets: rows(9) })).toBe(
    "parameters.call: targets.yaml has no value call in a row with d 9",
  );
  expect(tableProblem(file, {})).toContain("in a row with d 0");
  const twice = parseLabTable("targets.yaml", "rows: [{ d: 1, call: a }, { d: 1, call: b }]");
  expect(tableProblem(file, { targets: twice })).toBe("parameters.call: targets.yaml has two rows with d 1");
  expect(tableProblem(lab(LOOKUP), { targets: rows(10) })).toContain("by must name a number");
  const many = lab(`d: { kind: int, min: 0, max: 100000 }, ${LOOKUP}`);
  expect(tableProblem(many, { targets: rows(10) })).toContain("of at most 1000 values");
  expect(tableProblem(lab("d: { kind: nonce }, from: { kind: digits_origin, of: d }"), {})).toContain("student_digits");
});

it("a value that a guest cannot take, or digits that are too many, are refused with their place", () => {
  const problem = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      return error instanceof RingsideError ? error.message : "another error";
    }
    return "none";
  };
  expect(problem(() => parseLabTable("t.yaml", "rows: [{ d: 1, call: 'a b' }]"))).toContain("t.yaml:1:");
  expect(problem(() => parseLabTable("t.yaml", "rows: []"))).toContain("t.yaml:1:");
  expect(problem(() => lab("d: { kind: student_digits, count: 4 }"))).toContain("parameters.d.count");
  const overrides = "d: { kind: student_digits, count: 1, overrides: { S1: 10 } }";
  expect(problem(() => lab(overrides))).toContain("a value has more digits than count");
});
