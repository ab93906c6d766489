import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

describe("canonical JSON", () => {
  it("is JSON of the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
      }),
    );
    expect(canonicalJson({ b: 1, a: [{ d: null, c: "数" }], z: undefined })).toBe('{"a":[{"c":"数","d":null}],"b":1}');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, undefined, () => 1])("has no spelling for %s", (value) => {
    expect(() => canonicalJson([value])).toThrow("JSON has no");
  });
});
