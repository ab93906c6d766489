import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRoster } from "./roster.ts";

test("a spreadsheet's roster is read: byte order mark, CRLF, quotes, other columns, empty lines", () => {
  const text = '\uFEFFName,Number,E-mail,Role\r\n"Müller, Ada",S1,a@b,\r\n"a ""b"" 王",S2,,instructor\r\n\r\n';
  expect(parseRoster(text)).toEqual([
    { studentNumber: "S1", name: "Müller, Ada", role: "student" },
    { studentNumber: "S2", name: 'a "b" 王', role: "instructor" },
  ]);
});

test.each([
  ["name\nAda", /must name the columns/],
  ["number,name\n", /1 to 1000 rows/],
  ["number,name\nS1,Ada\nS 2,Ben", /line 3: the number/],
  ["number,name\nS1,", /line 2: the name is empty/],
  ["number,name,role\nS1,Ada,boss", /line 2: the role/],
  ['number,name\nS1,"Ada', /line 2: a quote is not closed/],
])("what is wrong with %j is said with its line", (text, message) => {
  expect(() => parseRoster(text)).toThrow(message);
});

test("every name survives quoting", () => {
  const name = fc
    .string({ minLength: 1, unit: "grapheme" })
    .filter((text) => text.trim() !== "" && !text.includes("\r"));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
      const rows = names.map((one, n) => `S${n},"${one.replaceAll('"', '""')}"`);
      const parsed = parseRoster(`number,name\n${rows.join("\n")}`);
      expect(parsed.map((row) => row.name)).toEqual(names.map((one) => one.trim()));
    }),
  );
});
