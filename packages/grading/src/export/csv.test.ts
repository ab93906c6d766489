import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCsv } from "../testing/csv-reader.ts";
import { csvText } from "./csv.ts";

/** What a spreadsheet would run, with any of the characters that may part cells where it was set up otherwise. */
const RUNS = /(?:^|[;\t\r\n])\s*[=+\-@＝＋－＠]|^[\t\r\n]/;
const cellOf = (text: string) => readCsv(csvText([[text]])).rows[0]?.[0];

describe("CSV text", () => {
  it("is RFC 4180 with a byte order mark, and its numbers are numbers", () => {
    expect(
      csvText([
        ["a", "b"],
        ['say "hi", Ada', -1.5],
        [null, "李雷"],
      ]),
    ).toBe('\ufeffa,b\r\n"say ""hi"", Ada",-1.5\r\n,李雷\r\n');
  });

  it.each([
    ["=1+1", "'=1+1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["+49", "'+49"],
    ["-x", "'-x"],
    ["\t=1", "'\t'=1"],
    ["\rx", "'\rx"],
    ["  =1", "'  =1"],
    ["＝1", "'＝1"],
    ["Ada;=cmd|'/c calc'!A0", "Ada;'=cmd|'/c calc'!A0"],
    ["a\n=1", "a\n'=1"],
    ["plain", "plain"],
    ["a=b-c", "a=b-c"],
  ])("keeps %j from being a formula", (given, written) => {
    expect(cellOf(given)).toBe(written);
  });

  it("shows control characters and halves of characters as what they are: no text", () => {
    expect(cellOf("a\0b\x1b[31m\ud800")).toBe("a\ufffdb\ufffd[31m\ufffd");
    expect(csvText([[Number.NaN, Number.POSITIVE_INFINITY]])).toBe("\ufeff,\r\n");
  });

  it("reads back as it was, and never as a formula", () => {
    const text = fc.string({ unit: fc.constantFrom(..."ab=+-@;,\"\t\r\n 李＝|'"), maxLength: 12 });
    const anything = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 12 });
    const rows = fc.integer({ min: 1, max: 5 }).chain((columns) =>
      fc.array(fc.array(fc.oneof(text, anything), { minLength: columns, maxLength: columns }), {
        minLength: 1,
        maxLength: 5,
      }),
    );
    fc.assert(
      fc.property(rows, (given) => {
        const file = readCsv(csvText(given));
        expect(file.hasByteOrderMark).toBe(true);
        expect(file.rows.flat().filter((cell) => RUNS.test(cell))).toEqual([]);
        // Apart from the apostrophes that were put in, and what is no text.
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
        const bare = (cell: string) => cell.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "\ufffd").toWellFormed();
        expect(file.rows.map((row) => row.map((cell) => cell.replaceAll("'", "")))).toEqual(
          given.map((row) => row.map((cell) => bare(cell).replaceAll("'", ""))),
        );
      }),
    );
  });

  it("keeps numbers", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(readCsv(csvText([[value]])).rows[0]?.[0])).toBe(Object.is(value, -0) ? 0 : value);
      }),
    );
  });
});
