import { type LabTables, type ParameterRule, parametersSchema } from "@ringside/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deriveParameters } from "./parameters.ts";

const seed = { secret: "11".repeat(32), user: "usr_ann", studentNumber: "20260001", lab: "net-listen" };
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
      { ...seed, studentNumber: "20260002" },
      { ...seed, lab: "net-accept" },
      { ...seed, secret: "22".repeat(32) },
    ].flatMap((one) => Object.values(deriveParameters(one, word)));
    expect(new Set(values).size).toBe(8);
  });

  it("keep to their rules and to the contract, whatever the rule", () => {
    fc.assert(
      fc.property(fc.string(), anyRule, (student, rule) => {
        const { value } = parametersSchema.parse(
          deriveParameters({ ...seed, studentNumber: student }, { value: rule }),
        );
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
      seen.add(deriveParameters({ ...seed, studentNumber: String(student) }, { v: { kind: "int", min: 0, max: 9 } }).v);
    }
    expect(seen.size).toBe(10);
  });
});

describe("digits of the student's number", () => {
  const digits = (rule: Partial<Extract<ParameterRule, { kind: "student_digits" }>>, studentNumber: string | null) =>
    deriveParameters(
      { ...seed, studentNumber },
      {
        digits: { kind: "student_digits", count: 2, overrides: {}, ...rule },
        digits_from: { kind: "digits_origin", of: "digits" },
      },
    );

  it("are the last ones, whatever letters stand between", () => {
    expect(digits({}, "20261250")).toEqual({ digits: 50, digits_from: "student_number" });
    expect(digits({}, "S0a5X")).toEqual({ digits: 5, digits_from: "student_number" });
    expect(digits({ count: 3 }, "20261250")).toMatchObject({ digits: 250 });
  });

  it("are drawn for who has no number, or not so many, and said to be", () => {
    for (const number of ["S1", "Ann", null]) {
      const values = digits({}, number);
      expect(values).toMatchObject({ digits_from: "course" });
      expect(values.digits).toBeLessThan(100);
      expect(digits({}, number)).toEqual(values);
    }
  });

  it("are the lab's, where it gives this student others", () => {
    const overrides = { "20261234": 41 };
    expect(digits({ overrides }, "20261234")).toEqual({ digits: 41, digits_from: "lab" });
    expect(digits({ overrides }, "20261235")).toMatchObject({ digits: 35 });
    expect(digits({ overrides: {} }, "constructor")).toMatchObject({ digits_from: "course" });
    const fixed: Record<string, ParameterRule> = {
      digits: { kind: "fixed", value: 7 },
      digits_from: { kind: "digits_origin", of: "digits" },
    };
    expect(deriveParameters(seed, fixed)).toEqual({ digits: 7, digits_from: "lab" });
  });

  it("are looked up in the lab's table", () => {
    const rules: Record<string, ParameterRule> = {
      digits: { kind: "student_digits", count: 1, overrides: {} },
      call: { kind: "lookup", table: "targets", by: "digits", column: "call" },
    };
    const rows = Array.from({ length: 10 }, (_, n) => ({ digits: n, call: `call_${n}` }));
    const tables: LabTables = { targets: { rows } };
    expect(deriveParameters({ ...seed, studentNumber: "20261237" }, rules, tables)).toEqual({
      digits: 7,
      call: "call_7",
    });
  });
});

it("nonces are large, never the same in one session, and other ones for other students", () => {
  const rules: Record<string, ParameterRule> = {
    a: { kind: "nonce" },
    other: { kind: "int", min: 0, max: 1 },
    b: { kind: "nonce" },
    c: { kind: "nonce" },
  };
  fc.assert(
    fc.property(fc.string(), (student) => {
      const { a, b, c } = deriveParameters({ ...seed, studentNumber: student }, rules);
      expect(new Set([a, b, c]).size).toBe(3);
      for (const each of [a, b, c]) {
        expect(each).toBeGreaterThanOrEqual(2 ** 30);
        expect(each).toBeLessThan(2 ** 31);
      }
    }),
  );
  const seen = new Set(
    Array.from({ length: 200 }, (_, n) => deriveParameters({ ...seed, studentNumber: `${n}` }, rules).a),
  );
  expect(seen.size).toBe(200);
});
