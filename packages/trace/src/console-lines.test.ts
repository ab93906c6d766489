import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PrintedLines, TypedLines } from "./console-lines.ts";
import { CONSOLE_LINE_CHARS_MAX } from "./limits.ts";

const typed = (...keys: readonly string[]) => {
  const lines = new TypedLines();
  return keys.flatMap((key) => lines.push(key));
};
const printed = (...pieces: readonly string[]) => {
  const lines = new PrintedLines();
  return pieces.flatMap((piece) => lines.push(piece));
};

describe("console lines", () => {
  it("are typed key by key or pasted at once", () => {
    expect(typed(..."replyhi\r")).toEqual(["replyhi"]);
    expect(typed("help\r\nversion\nti")).toEqual(["help", "version"]);
    expect(typed("\r\r")).toEqual([]);
  });

  it("have the typist's corrections done", () => {
    expect(typed("replyhp\b\x7f\x7fyhi\r")).toEqual(["replyhi"]);
    expect(typed("rubbish\x15help\r")).toEqual(["help"]);
    expect(typed("rubbish\x03help\r")).toEqual(["help"]);
    expect(typed("he\x1b[Alp\x00\r")).toEqual(["help"]);
  });

  it("are printed without terminal control", () => {
    expect(printed("Menu", "OS>>help\r\n\x1b[1mbold\x1b[0m \x1b]52;c;AAAA\x07x\n", "rest")).toEqual([
      "MenuOS>>help",
      "bold x",
    ]);
  });

  it("are bounded, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 20 })), (pieces) => {
        for (const line of [...typed(...pieces), ...printed(...pieces)])
          expect([..."\n\r\x1b"].some((control) => line.includes(control))).toBe(false);
      }),
    );
    const long = "x".repeat(100_000);
    expect(typed(long, "\r")).toEqual(["x".repeat(CONSOLE_LINE_CHARS_MAX)]);
    expect(printed(long, long, "\n")).toEqual(["x".repeat(CONSOLE_LINE_CHARS_MAX)]);
  });
});
