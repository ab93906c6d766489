import { milestoneSchema } from "@ringside/shared";
import { describe, expect, it } from "vitest";
import { gradeTrace } from "./grade.ts";
import { milestonesOf, nextCheck } from "./milestones.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { Scenario } from "./testing/scenario.ts";

const title = "title: { en: Title, zh: 标题 }";
const RUBRIC = parseRubricFile(
  "r.yaml",
  `checks:
  - { id: attached, ${title}, points: 1, when: { attached: true } }
  - { id: stopped, ${title}, points: 1, needs: [breakpoint], when: { stopped_at: { function: sys_listen } } }
  - { id: breakpoint, ${title}, points: 1, when: { breakpoint_on: sys_listen }, hint: { en: Set one., zh: 设一个。 } }
  - { id: clean, ${title}, points: 1, when: { never: { wrote_memory: true } } }`,
);
const OPENED_MS = Date.parse("2026-03-02T08:00:00.000Z");

/** The trace so far: not sealed. */
async function soFar(scenario: Scenario) {
  const { trace: _, ...input } = await new Scenario().input(RUBRIC);
  return gradeTrace({ ...input, trace: await scenario.trace.verify(), traceDigest: "0".repeat(64), soFar: true });
}

describe("a session that goes on", () => {
  it("is judged by its recording so far, each check with the moment that completed it", async () => {
    const scenario = new Scenario().attach();
    const first = await soFar(scenario);
    expect(first).toMatchObject({ outcome: "graded", points: 2 });
    const milestones = milestonesOf({ result: first, openedMs: OPENED_MS });
    for (const each of milestones) expect(milestoneSchema.parse(each)).toEqual(each);
    expect(milestones.map(({ check, event }) => [check, event])).toEqual([
      ["attached", 2],
      ["stopped", null],
      ["breakpoint", null],
      ["clean", null],
    ]);
    expect(milestones[0]?.at).toBe("2026-03-02T08:00:00.002Z");
    expect(nextCheck(RUBRIC, milestones)).toMatchObject({ check: "breakpoint", hint: { en: "Set one." } });
    const later = milestonesOf({ result: await soFar(scenario.breakpoint()), openedMs: null });
    expect(later[2]).toMatchObject({ verdict: "pass", event: expect.any(Number), at: null });
    expect(nextCheck(RUBRIC, later)?.check).toBe("stopped");
    const done = milestonesOf({ result: await soFar(scenario.resume().stop()), openedMs: OPENED_MS });
    expect(nextCheck(RUBRIC, done)).toBeNull();
  });

  it("that is damaged, or another's, is not judged", async () => {
    const other = await soFar(new Scenario({ session: "ses_11111111111111111111" }).attach());
    expect(other).toMatchObject({ outcome: "ungradable", ungradable: { en: "The trace is of another session." } });
    const input = await new Scenario().input(RUBRIC);
    const torn = {
      status: "damaged",
      events: [],
      kind: "empty",
      why: "nothing",
      at: { byte: 0, line: 1, seq: 0 },
    } as const;
    expect(gradeTrace({ ...input, trace: torn, soFar: true }).outcome).toBe("ungradable");
  });

  it("is not gradable once it counts: then it must be sealed", async () => {
    const { trace: _, ...input } = await new Scenario().input(RUBRIC);
    const trace = await new Scenario().attach().trace.verify();
    expect(gradeTrace({ ...input, trace })).toMatchObject({ ungradable: { en: "The trace is not sealed." } });
  });
});
