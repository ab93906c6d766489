import { type ParameterRule, parametersSchema } from "@ringside/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deriveParameters } from "./parameters.ts";

const seed = { secret: "11".repeat(32), student: "20260001", lab: "net-listen" };
const rules: Record<string, ParameterRule> = {
  backlog: { kind: "int", min: 3, max: 120 },
  payload: { kind: "word", chars: 8 },
  port: { kind: "fixed", value: 5_001 },
};

const anyRule: fc.Arbitrary<ParameterRule> = fc.oneof(
  fc
    .tuple(fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.nat({ max: Number.MAX_SAFE_INTEGER }))
    .map(([a, b]) => ({ kind: "int" as const, min: Math.min(a, b), max: Math.max(a, b) })),
  fc.integer({ min: 1, max: 32 }).map((chars) => ({ kind: "word" as const, chars })),
);

describe("a student's parameters", () => {
  it("are the same whenever they are derived", () => {
    expect(deriveParameters(seed, rules)).toEqual({ backlog: 110, payload: "io68jbse", port: 5_001 });
  });

  it("differ between students, labs, courses and names", () => {
    const word: Record<string, ParameterRule> = { a: { kind: "word", chars: 16 }, b: { kind: "word", chars: 16 } };
    const values = [
      seed,
      { ...seed, student: "20260002" },
      { ...seed, lab: "net-accept" },
      { ...seed, secret: "22".repeat(32) },
    ].flatMap((one) => Object.values(deriveParameters(one, word)));
    expect(new Set(values).size).toBe(8);
  });

  it("keep to their rules and to the contract, whatever the rule", () => {
    fc.assert(
      fc.property(fc.string(), anyRule, (student, rule) => {
        const { value } = parametersSchema.parse(deriveParameters({ ...seed, student }, { value: rule }));
        if (rule.kind === "int") {
          expect(value).toBeGreaterThanOrEqual(rule.min);
          expect(value).toBeLessThanOrEqual(rule.max);
        } else if (rule.kind === "word") {
          expect(value).toHaveLength(rule.chars);
        }
      }),
    );
  });

  it("use the whole of a small range", () => {
    const seen = new Set<unknown>();
    for (let student = 0; student < 200; student += 1) {
      seen.add(deriveParameters({ ...seed, student: String(student) }, { v: { kind: "int", min: 0, max: 9 } }).v);
    }
    expect(seen.size).toBe(10);
  });
});
