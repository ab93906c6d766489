import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wantedBytes } from "./range.ts";

describe("wantedBytes", () => {
  it.each([
    [undefined, { kind: "all" }],
    ["bytes=0-3", { kind: "part", first: 0, last: 3 }],
    ["bytes=4-", { kind: "part", first: 4, last: 9 }],
    ["bytes=-3", { kind: "part", first: 7, last: 9 }],
    ["bytes=-30", { kind: "part", first: 0, last: 9 }],
    ["bytes=9-1000", { kind: "part", first: 9, last: 9 }],
    ["bytes=10-", { kind: "none" }],
    ["bytes=-0", { kind: "none" }],
    ["bytes=5-4", { kind: "all" }],
    ["bytes=0-1,4-5", { kind: "all" }],
    ["lines=1-2", { kind: "all" }],
    ["bytes=-", { kind: "all" }],
    ["bytes=1e3-", { kind: "all" }],
  ] as const)("reads %s of ten bytes", (header, wanted) => {
    expect(wantedBytes(header, 10)).toEqual(wanted);
  });

  it("never leaves the file", () => {
    const numbers = fc.oneof(fc.constant(""), fc.nat(20).map(String), fc.constant("9".repeat(15)));
    fc.assert(
      fc.property(numbers, numbers, fc.nat(20), (first, last, bytes) => {
        const wanted = wantedBytes(`bytes=${first}-${last}`, bytes);
        if (wanted.kind !== "part") return;
        expect(wanted.first).toBeGreaterThanOrEqual(0);
        expect(wanted.last).toBeGreaterThanOrEqual(wanted.first);
        expect(wanted.last).toBeLessThan(bytes);
      }),
    );
  });
});
