import { expect } from "vitest";
import type { GradeInput } from "../grade.ts";
import { parseRubricFile } from "../parse-rubric.ts";
import type { Scenario } from "./scenario.ts";

const title = "title: { en: Title, zh: 标题 }";
/** Checks that a condition may speak of. */
const STOP = "stopped_at: { function: __sys_listen, after_writes: accept }";
const INET = "stopped_at: { function: inet_listen, after_writes: accept }";

/** The verdict of one check with this condition, and more members of it, over what the scenario tells. */
export async function judge(when: string, scenario: Scenario, given: Partial<GradeInput> = {}, more = "") {
  const text = `questions:
  - { id: q1, kind: number, ${title} }
  - { id: q2, kind: text, ${title} }
checks:
  - { id: c, ${title}, points: 3, when: ${when}${more} }
  - { id: stop, ${title}, points: 1, when: { ${STOP} } }
  - { id: inet, ${title}, points: 1, when: { ${INET} } }`;
  const result = await scenario.grade(parseRubricFile("r.yaml", text), given);
  expect(result.ungradable).toBeNull();
  const [verdict] = result.verdicts;
  return {
    verdict: verdict?.verdict,
    points: verdict?.points,
    reason: verdict?.reason.en,
    zh: verdict?.reason.zh,
    evidence: verdict?.evidence,
    times: verdict?.times,
  };
}
