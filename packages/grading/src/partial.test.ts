import { describe, expect, it } from "vitest";
import { parseRubricFile } from "./parse-rubric.ts";
import { judge } from "./testing/judge.ts";
import { LISTEN, Scenario } from "./testing/scenario.ts";

const WHOLE = "{ stopped_at: { function: __sys_listen, args: { backlog: $backlog } } }";
const PARTS = `, hint: { en: Look again., zh: 再看看。 }, partial: [
      { points: 1, when: { breakpoint_on: sys_listen } },
      { points: 2, title: { en: Any backlog, zh: 任意 }, when: { stopped_at: { function: sys_listen } } }]`;
const set = () => new Scenario().attach().breakpoint();
const verdictOf = (scenario: Scenario) => judge(WHOLE, scenario, {}, PARTS);

describe("a part of the points", () => {
  it("is the best that is met, where the whole is not", async () => {
    expect(await verdictOf(set().resume().stop())).toMatchObject({ verdict: "pass", points: 3 });
    expect(await verdictOf(set().resume().stop({ backlog: 9n }))).toMatchObject({
      ...{ verdict: "partial", points: 2, evidence: [7], times: [7] },
      reason:
        'In part, "Any backlog": The machine stopped at sys_listen. The machine stopped at __sys_listen: expected backlog 17, saw 9. Look again.',
    });
    expect(await verdictOf(set())).toMatchObject({ verdict: "partial", points: 1 });
    expect(await verdictOf(new Scenario())).toMatchObject({ verdict: "fail", points: 0 });
  });

  it("is given though what the whole speaks of was not reached, and is no pass for those behind", async () => {
    const parts = ", partial: [{ points: 1, when: { breakpoint_on: sys_listen } }]";
    expect(await judge("{ resumed_after: stop }", set(), {}, parts)).toMatchObject({ verdict: "partial", points: 1 });
    const behind = parseRubricFile(
      "r.yaml",
      `checks:
  - { id: one, title: { en: One, zh: 一 }, points: 5, when: { console_typed: hi }, partial: [{ points: 1, when: { attached: true } }] }
  - { id: two, title: { en: Two, zh: 二 }, points: 5, needs: [one], when: { attached: true }, partial: [{ points: 1, when: { attached: true } }] }`,
    );
    const { verdicts, points } = await set().grade(behind);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["partial", "not_reached"]);
    expect(points).toBe(1);
  });

  it("waits for checks that it speaks of", async () => {
    const parts = ", partial: [{ points: 1, when: { stepped: { how: instruction, after: stop } } }]";
    const stepped = set()
      .resume()
      .stop({ backlog: 9n })
      .prompt()
      .step(LISTEN + 4n);
    expect(await judge(WHOLE, stepped, {}, parts)).toMatchObject({ verdict: "partial", evidence: [13] });
    expect(
      await judge(
        WHOLE,
        set()
          .resume()
          .stop({ pc: LISTEN + 0x200n }),
        {},
        parts,
      ),
    ).toMatchObject({ verdict: "fail" });
  });
});
