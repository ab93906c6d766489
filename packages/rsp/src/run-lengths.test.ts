import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packRuns, unpackRuns } from "./run-lengths.ts";

const texts = fc
  .array(fc.tuple(fc.constantFrom(..."0f9ax"), fc.integer({ min: 1, max: 220 })), { maxLength: 12 })
  .map((runs) => runs.map(([character, count]) => character.repeat(count)).join(""));

describe("run lengths", () => {
  it("give back what was packed, or its beginning, and are never longer", () => {
    fc.assert(
      fc.property(texts, fc.nat(500), (text, charsMax) => {
        const packed = packRuns(text);
        expect(packed.length).toBeLessThanOrEqual(text.length);
        expect(unpackRuns(packed, text.length)).toBe(text);
        expect(unpackRuns(packed, charsMax)).toBe(text.slice(0, charsMax));
      }),
    );
  });

  it("of hostile texts neither throw nor grow beyond what is asked for", () => {
    const characters = fc.constantFrom(..."0f*~ \u0000\u00ff\u001f#$");
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 200 }), fc.nat(300), (packed, charsMax) => {
        expect(unpackRuns(packed, charsMax).length).toBeLessThanOrEqual(charsMax);
      }),
    );
  });

  it("leave a text without runs as it is", () => {
    expect(unpackRuns("00010203", 100)).toBe("00010203");
    expect(packRuns("0001")).toBe("0001");
  });
});
