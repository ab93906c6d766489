import { describe, expect, it } from "vitest";
import { parseRubricFile } from "./parse-rubric.ts";
import { judge } from "./testing/judge.ts";
import { LISTEN, Scenario } from "./testing/scenario.ts";

const run = (handler: string | number) =>
  new Scenario({ parameters: { handler, number: 50 } }).attach().breakpoint().resume().stop();

describe("a function whose name is the student's parameter", () => {
  it("is another one for each student", async () => {
    const when = "{ stopped_at: { function: $handler } }";
    expect(await judge(when, run("sys_listen"))).toMatchObject({
      ...{ verdict: "pass", reason: "The machine stopped at sys_listen." },
    });
    expect(await judge(when, run("sys_bind"))).toMatchObject({
      ...{ verdict: "fail", reason: "No stop at sys_bind was recorded." },
    });
  });

  it("stands wherever a condition names a function, and inside others", async () => {
    for (const [when, verdict] of [
      ["{ breakpoint_on: $handler }", "pass"],
      ["{ stopped_at: { function: __sys_listen, via: $handler } }", "pass"],
      ["{ stepped: { how: instruction, in: $handler } }", "fail"],
      ["{ never: { stopped_at: $handler } }", "fail"],
      ["{ read_memory: { stack: true, in: $handler } }", "fail"],
      ["{ answered: { question: q2, equals: { function: $handler } } }", "fail"],
      ["{ any_of: [{ attached: true }, { stopped_at: { function: $handler } }] }", "pass"],
      ["{ all_of: [{ attached: true }, { stopped_at: { function: $handler } }] }", "pass"],
      ["{ none_of: [{ stopped_at: { function: $handler } }] }", "fail"],
    ] as const) {
      expect([when, (await judge(when, run("sys_listen"))).verdict]).toEqual([when, verdict]);
    }
    const answered = "{ answered: { question: q2, equals: { function: $handler } } }";
    expect(await judge(answered, run("sys_listen").answer("q2", "__sys_listen"))).toMatchObject({ verdict: "pass" });
  });

  it("leaves nobody without points where the lab has no such name", async () => {
    const title = "title: { en: Title, zh: 标题 }";
    const text = `checks: [{ id: c, ${title}, points: 1, when: { breakpoint_on: $handler } }]`;
    const rubric = parseRubricFile("r.yaml", text);
    for (const scenario of [run(5), Scenario.complete(), run("sys_lissten")]) {
      expect(await scenario.grade(rubric)).toMatchObject({ outcome: "ungradable", points: 0 });
    }
    const { ungradable } = await run(5).grade(rubric);
    expect(ungradable?.en).toContain("there is no function name $handler (check c)");
  });
});

describe("read_memory with a place", () => {
  it("counts only what is read while the machine stands there", async () => {
    const stack = "{ read_memory: { stack: true, in: __sys_listen } }";
    const at = (rip: bigint) =>
      new Scenario().attach().breakpoint().resume().stopWith({ rip, rsp: 0xffff888000004f00n }).prompt();
    const read = (scenario: Scenario) => scenario.read(0xffff888000004f00n, 8, "00");
    expect(await judge(stack, read(at(LISTEN)))).toMatchObject({ verdict: "pass", reason: "The stack was read." });
    expect(await judge(stack, read(at(0xffffffff81200000n)))).toMatchObject({
      ...{ verdict: "fail", reason: "The stack was read, but not in __sys_listen." },
    });
    expect(await judge(stack, at(LISTEN))).toMatchObject({ reason: "The stack was not read." });
  });
});
