import { checkChangeSchema } from "@ringside/shared";
import { expect, test } from "vitest";
import { compareGrades } from "./compare.ts";
import { aGrade, anUngradable, aVerdict } from "./testing/graded.ts";

const attached = aVerdict({ check: "attached", verdict: "pass", points: 10 });

test("a grade is no other than itself, whatever its words", () => {
  const before = aGrade();
  const reworded = before.verdicts.map((verdict) => ({ ...verdict, reason: { en: "Other.", zh: "别的。" } }));
  expect(compareGrades(before, aGrade({ verdicts: reworded }))).toEqual({ changed: false, checks: [] });
});

test("another verdict, other points and another worth are changes, check by check", () => {
  const before = aGrade({ verdicts: [attached, aVerdict({ check: "b", verdict: "fail", points: 0 })] });
  const after = aGrade({
    verdicts: [aVerdict({ check: "b", verdict: "partial", points: 5 }), { ...attached, pointsMax: 20 }],
  });
  const { changed, checks } = compareGrades(before, after);
  expect(changed).toBe(true);
  for (const check of checks) expect(checkChangeSchema.parse(check)).toEqual(check);
  expect(checks).toMatchObject([
    { check: "b", before: { verdict: "fail", points: 0 }, after: { verdict: "partial", points: 5 } },
    { check: "attached", before: { pointsMax: 10, overridden: false }, after: { pointsMax: 20 } },
  ]);
});

test("a check that is new or gone is told with one side empty", () => {
  const b = aVerdict({ check: "b", verdict: "fail", points: 0 });
  expect(compareGrades(aGrade({ verdicts: [b] }), aGrade({ verdicts: [attached] })).checks).toMatchObject([
    { check: "attached", before: null, after: { points: 10 } },
    { check: "b", before: { points: 0 }, after: null },
  ]);
});

test("a first grade and one that cannot be graded any more are changes", () => {
  expect(compareGrades(null, anUngradable())).toEqual({ changed: true, checks: [] });
  const lost = compareGrades(aGrade({ verdicts: [attached] }), anUngradable());
  expect(lost).toMatchObject({ changed: true, checks: [{ check: "attached", after: null }] });
});
