import { gradeResultSchema, type Override, overrideSchema } from "@ringside/shared";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { withOverrides } from "./overrides.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { Scenario } from "./testing/scenario.ts";

const title = "title: { en: Title, zh: 标题 }";
const RUBRIC = parseRubricFile(
  "r.yaml",
  `checks:
  - { id: a, ${title}, points: 10, when: { attached: true } }
  - { id: b, ${title}, points: 20, when: { console_typed: hello } }`,
);
const override = (check: string, points: number, reason = "seen in class"): Override =>
  overrideSchema.parse({ check, points, reason, author: "usr_11111111111111111111", at: "2026-03-02T08:00:00.000Z" });
const grade = () => new Scenario().attach().grade(RUBRIC);

describe("an instructor's judgement", () => {
  it("takes the grader's place, whose own verdict is kept", async () => {
    const automatic = await grade();
    const { result, unused } = withOverrides(automatic, [override("b", 15), override("a", 0)]);
    expect(gradeResultSchema.parse(result)).toEqual(result);
    expect(result).toMatchObject({ points: 15, pointsMax: 30, graderVersion: automatic.graderVersion });
    expect(result.verdicts.map(({ verdict, points }) => [verdict, points])).toEqual([
      ["fail", 0],
      ["partial", 15],
    ]);
    expect(result.verdicts[1]).toMatchObject({
      reason: { en: "seen in class", zh: "seen in class" },
      override: { author: "usr_11111111111111111111", automatic: { verdict: "fail", points: 0 } },
    });
    expect(unused).toEqual([]);
    expect(automatic.points).toBe(10);
  });

  it("counts last of several, and once more on top of itself", async () => {
    const twice = withOverrides(await grade(), [override("b", 5), override("b", 20, "after all")]).result;
    expect(twice.verdicts[1]).toMatchObject({ verdict: "pass", points: 20, reason: { en: "after all" } });
    const again = withOverrides(twice, [override("b", 20, "after all")]).result;
    expect(canonicalJson(again)).toBe(canonicalJson(twice));
  });

  it("that fits no check is given back, not dropped", async () => {
    const strange = [override("gone", 5), override("b", 21)];
    const { result, unused } = withOverrides(await grade(), strange);
    expect(unused).toEqual(strange);
    expect(result).toEqual(await grade());
  });
});

it("grades that were stored before there were times and overrides can be read", async () => {
  const old = await grade();
  const verdicts = old.verdicts.map(({ times: _, ...verdict }) => verdict);
  expect(gradeResultSchema.parse({ ...old, verdicts, graderVersion: "1" }).verdicts).toEqual(verdicts);
});
