import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "./lines.ts";

function split(text: string, cuts: readonly number[], max: number) {
  const lines = new LineSplitter(max);
  const bytes = Buffer.from(text);
  const places = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const found: (string | null)[] = [];
  for (const [index, start] of places.slice(0, -1).entries()) {
    const chunk = Buffer.from(bytes.subarray(start, places[index + 1]));
    for (const line of lines.push(chunk)) found.push(line === null ? null : line.toString());
    chunk.fill("!");
  }
  return { found, rest: lines.rest };
}

describe("a line splitter", () => {
  it("gives the same lines however the bytes arrive, even when the chunks are reused", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (all, cuts) => {
        const parts = all.split("\n");
        const rest = parts.pop() ?? "";
        expect(split(all, cuts, 100)).toEqual({ found: parts, rest: rest.length });
      }),
    );
  });

  it("gives null for a line that is too long, whether or not it ends", () => {
    expect(split("ab\nabcdef", [], 4).found).toEqual(["ab", null]);
    expect(split("ab\nabcde\n", [4, 6], 4).found).toEqual(["ab", null]);
    expect(split("abcd\n", [1, 2, 3], 4).found).toEqual(["abcd"]);
  });
});
