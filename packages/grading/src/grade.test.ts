import { readFile } from "node:fs/promises";
import { type GradeResult, gradeResultSchema } from "@ringside/shared";
import { verifyTrace } from "@ringside/trace";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { gradeTrace } from "./grade.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { pointsMaxOf, type Rubric } from "./rubric.ts";
import { INSTRUCTOR, LISTEN, LISTEN_WRAPPER, Scenario } from "./testing/scenario.ts";

const RUBRIC = parseRubricFile(
  "rubric.yaml",
  await readFile(new URL("../../../course/labs/net-listen/rubric.yaml", import.meta.url), "utf8"),
);
const ALL = { attached: 10, breakpoint: 15, replyhi: 10, stopped: 25, backlog: 25, "went-on": 15 };

const points = (result: GradeResult) => Object.fromEntries(result.verdicts.map((each) => [each.check, each.points]));
const verdict = (result: GradeResult, check: string) => result.verdicts.find((each) => each.check === check);
const grade = (scenario: Scenario) => scenario.grade(RUBRIC);

describe("grading net-listen", () => {
  it("gives full marks to a complete session, with the moment of each check", async () => {
    const scenario = Scenario.complete();
    const result = await grade(scenario);
    expect(gradeResultSchema.parse(result)).toEqual(result);
    expect(result).toMatchObject({ outcome: "graded", ungradable: null, points: 100, pointsMax: 100 });
    expect(points(result)).toEqual(ALL);
    const { events } = await scenario.trace.verify();
    const types = result.verdicts.map(({ evidence }) => evidence.map((event) => events[event]?.type));
    expect(types).toEqual([
      ["connection.opened"],
      ["gdb.packet"],
      ["console.input"],
      ["machine.stopped"],
      ["machine.stopped"],
      ["gdb.packet"],
    ]);
    expect(verdict(result, "backlog")?.reason.en).toBe("The machine stopped at sys_listen with backlog 17.");
  });

  it("gives the first checks' points to a student who only attached and set the breakpoint, and reasons for the rest", async () => {
    const result = await grade(new Scenario().attach().breakpoint().resume());
    expect(points(result)).toEqual({ ...ALL, replyhi: 0, stopped: 0, backlog: 0, "went-on": 0 });
    expect(verdict(result, "stopped")).toMatchObject({
      verdict: "fail",
      reason: {
        en: expect.stringMatching(/^No stop at sys_listen was recorded\./),
        zh: expect.stringMatching(/^没有记录到停在 sys_listen。/),
      },
    });
    expect(verdict(result, "backlog")).toMatchObject({ verdict: "not_reached", points: 0, evidence: [] });
    expect(verdict(result, "backlog")?.reason.en).toContain("by way of the system call entry");
    expect(verdict(result, "replyhi")?.reason.zh).toContain("没有记录到在控制台输入 `replyhi`");
  });

  it("gives nothing to an empty session, and is still a grade", async () => {
    const result = await grade(new Scenario());
    expect(result).toMatchObject({ outcome: "graded", points: 0 });
    expect(verdict(result, "attached")?.reason.en).toContain("No gdb was attached");
  });

  it("says what it expected and what it saw where the backlog is another student's", async () => {
    const result = await grade(Scenario.complete({}, 1024n));
    expect(points(result)).toEqual({ ...ALL, backlog: 0 });
    expect(verdict(result, "backlog")).toMatchObject({
      verdict: "fail",
      reason: {
        en: expect.stringContaining("expected backlog 17, saw 1024"),
        zh: expect.stringContaining("应为 backlog 17,实际为 1024"),
      },
      evidence: verdict(result, "stopped")?.evidence,
    });
  });

  it("takes the right stop among several", async () => {
    const scenario = new Scenario().attach().breakpoint().resume().type("replyhi");
    scenario.stop({ backlog: 99n }).resume().stop({ backlog: 17n }).detach();
    expect(await grade(scenario)).toMatchObject({ points: 100 });
  });

  it("accepts a breakpoint and a stop under any name of the function, and stepping there", async () => {
    const scenario = new Scenario().attach().breakpoint(LISTEN_WRAPPER).resume().type("replyhi");
    const wrapper = await grade(scenario.stop({ pc: LISTEN_WRAPPER, frames: ["ffffffff8130b5a0"] }));
    expect(points(wrapper)).toEqual({ ...ALL, backlog: 0, "went-on": 0 });
    expect(verdict(wrapper, "backlog")?.reason.en).toContain("stop where sys_listen begins");
    const stepped = new Scenario().attach().breakpoint(LISTEN_WRAPPER).resume().type("replyhi");
    stepped
      .stop({ pc: LISTEN_WRAPPER, frames: ["ffffffff8130b5a0"] })
      .resume("step")
      .stop()
      .detach();
    expect(await grade(stepped)).toMatchObject({ points: 100 });
  });

  it("asks for the way through the system call entry", async () => {
    const kernelThread = new Scenario().attach().breakpoint().resume().type("replyhi");
    const result = await grade(kernelThread.stop({ frames: ["ffffffff81400110"] }).detach());
    expect(verdict(result, "stopped")).toMatchObject({
      verdict: "fail",
      reason: { en: expect.stringContaining("syscall_entry was not among its callers") },
    });
    expect(points(result)).toEqual({ ...ALL, stopped: 0, backlog: 0, "went-on": 0 });
    const int80 = new Scenario().attach().breakpoint().resume().type("replyhi");
    expect(await grade(int80.stop({ frames: ["ffffffff8130b5d0"] }).detach())).toMatchObject({ points: 100 });
  });

  it("counts going on by continue or by detach, and only after the stop", async () => {
    const stayed = new Scenario().attach().breakpoint().resume().type("replyhi").stop();
    expect(points(await grade(stayed))).toEqual({ ...ALL, "went-on": 0 });
    const continued = new Scenario().attach().breakpoint().resume().type("replyhi").stop().resume();
    expect(points(await grade(continued))).toEqual(ALL);
  });

  it("gives no points for what an instructor did", async () => {
    const scenario = new Scenario()
      .attach(INSTRUCTOR)
      .breakpoint()
      .resume()
      .type("replyhi", INSTRUCTOR)
      .stop()
      .detach();
    expect(await grade(scenario)).toMatchObject({ outcome: "graded", points: 0 });
  });

  it.each([
    ["text behind the command", "replyhi now", 10],
    ["spaces around it", "  replyhi ", 10],
    ["a mistake that was corrected", "replyho\x7fi", 10],
    ["another command", "replyhix", 0],
    ["a line that was given up", "replyhi\x15help", 0],
    ["other case", "ReplyHi", 0],
  ])("reads the console as the menu does: %s", async (_, text, expected) => {
    expect(points(await grade(new Scenario().type(text))).replyhi).toBe(expected);
  });
});

describe("a stop that was made up", () => {
  const forged: [string, (scenario: Scenario) => Scenario][] = [
    ["rip written with P", (s) => s.packet(`P10=${"c00b2081ffffffff"}`)],
    ["all registers written with G", (s) => s.packet(`G${"0".repeat(1_216)}`)],
    ["memory written", (s) => s.packet("Mffffffff81200000,4:90909090")],
    ["memory written in binary", (s) => s.packet("Xffffffff81200000,1:\x90")],
    [
      "a write whose answer was not recorded",
      (s) => s.packet("P10=c00b2081ffffffff", null).leave().attach().breakpoint(),
    ],
    ["a write across pages that failed in the middle", (s) => s.packet("Mffffffff81200ff0,20:00", "E14")],
    ["a resume with an address", (s) => s.packet(`c${LISTEN.toString(16)}`, null)],
    [
      "a step with an address, some stops before",
      (s) =>
        s
          .packet(`s${LISTEN.toString(16)}`, null)
          .resume("step")
          .stop({ pc: LISTEN - 8n }),
    ],
    [
      "two packets at once, the first refused",
      (s) => {
        s.trace.add(
          { type: "gdb.packet", connection: 1, data: "qRcmd,00" },
          { type: "gdb.packet", connection: 1, data: "P10=c00b2081ffffffff" },
        );
        s.trace.add(
          { type: "gdb.refused", connection: 1, why: "no" },
          { type: "gdb.reply", connection: 1, data: "" },
          { type: "gdb.reply", connection: 1, data: "OK" },
        );
        return s;
      },
    ],
  ];

  it.each(forged)("earns no points: %s", async (_, write) => {
    const scenario = write(new Scenario().attach().breakpoint().type("replyhi"));
    const result = await grade(scenario.resume().stop().detach());
    expect(points(result)).toEqual({ ...ALL, stopped: 0, backlog: 0, "went-on": 0 });
    expect(verdict(result, "stopped")?.reason.en).toMatch(
      /had written to its registers or memory before \(event \d+\)/,
    );
    expect(verdict(result, "stopped")?.evidence).toHaveLength(2);
  });

  it.each<[string, string, string]>([
    ["a write that was refused", "P10=00", ""],
    ["a write that failed", "Mffffffff81200000,4:90909090", "E14"],
    ["gdb's question whether X is known", "Xffffffff81200000,0:", "OK"],
  ])("is not seen in %s", async (_, packet, reply) => {
    const scenario = new Scenario()
      .attach()
      .packet(packet, reply)
      .breakpoint()
      .resume()
      .type("replyhi")
      .stop()
      .detach();
    expect(await grade(scenario)).toMatchObject({ points: 100 });
  });

  it("does not spoil an honest stop before it, nor one of a fresh machine after it", async () => {
    const before = new Scenario().attach().breakpoint().resume().type("replyhi").stop().packet("P10=00").resume();
    expect(await grade(before)).toMatchObject({ points: 100 });
    const after = new Scenario().attach().packet("P10=00").leave().fresh(2);
    after.attach().breakpoint().resume().type("replyhi").stop().detach();
    expect(await grade(after)).toMatchObject({ points: 100 });
    const sameEpoch = new Scenario().attach().packet("P10=00").leave().fresh(1);
    sameEpoch.attach().breakpoint().resume().type("replyhi").stop().detach();
    expect((await grade(sameEpoch)).points).toBeLessThan(100);
  });
});

describe("what cannot be graded", () => {
  const ungradable = (en: RegExp) => ({
    outcome: "ungradable",
    ungradable: { en: expect.stringMatching(en), zh: expect.stringMatching(/\p{Script=Han}/u) },
    points: 0,
    pointsMax: 100,
    verdicts: [],
  });

  it("is a damaged trace, wherever it is damaged", async () => {
    const scenario = Scenario.complete();
    const input = await scenario.input(RUBRIC);
    const { bytes } = scenario.trace;
    for (let at = 0; at < bytes.length; at += 97) {
      const edited = Buffer.from(bytes);
      edited.writeUInt8(edited.readUInt8(at) ^ 1, at);
      const result = gradeTrace({ ...input, trace: await verifyTrace(edited) });
      expect(gradeResultSchema.parse(result)).toMatchObject(
        ungradable(/^The trace is damaged: .+ \(line \d+, byte \d+\)\.$/),
      );
    }
  });

  it("is a trace that is not sealed, or not the one handed in", async () => {
    const open = new Scenario().attach();
    const unsealed = await open.trace.verify();
    const input = await Scenario.complete().input(RUBRIC);
    expect(gradeTrace({ ...input, trace: unsealed, traceDigest: open.trace.expectedSeal.digest })).toMatchObject(
      ungradable(/not sealed/),
    );
    expect(gradeTrace({ ...input, traceDigest: "b".repeat(64) })).toMatchObject(ungradable(/not the one/));
  });

  it.each([
    ["session", { session: "ses_99999999999999999999" }, /another session/],
    ["lab", { lab: "other" }, /another lab/],
    ["image", { image: "2".repeat(64) }, /another kernel image/],
    ["parameters", { parameters: { backlog: 18, port: 5001, payload: "abc" } }, /other parameters/],
  ])("is a trace of another %s", async (_, other, why) => {
    const input = await Scenario.complete().input(RUBRIC);
    expect(gradeTrace({ ...input, expected: { ...input.expected, ...other } })).toMatchObject(ungradable(why));
  });

  it.each([
    ["function", "breakpoint_on: no_such_function", /the kernel has no no_such_function \(check one\)/],
    [
      "argument",
      "stopped_at: { function: __sys_listen, args: { depth: 1 } }",
      /__sys_listen has no known argument depth/,
    ],
    ["parameter", "stopped_at: { function: __sys_listen, args: { backlog: $nothing } }", /no number \$nothing/],
    ["number", "stopped_at: { function: __sys_listen, args: { backlog: $payload } }", /no number \$payload/],
  ])("is a rubric that asks for a %s that is not there: nobody could pass", async (_, when, why) => {
    const rubric = parseRubricFile(
      "r.yaml",
      `checks:\n  - { id: one, title: { en: a, zh: 甲 }, points: 100, when: { ${when} } }`,
    );
    expect(await Scenario.complete().grade(rubric)).toMatchObject(ungradable(why));
  });
});

describe("a grade", () => {
  const permuted = (rubric: Rubric, order: readonly number[]): Rubric => ({
    ...rubric,
    checks: order.flatMap((index) => rubric.checks[index] ?? []),
  });

  it("is the same bytes each time, and does not depend on the order of the checks", async () => {
    const step = fc.constantFrom<(s: Scenario) => unknown>(
      (s) => s.attach(),
      (s) => s.leave(),
      (s) => s.breakpoint(),
      (s) => s.resume(),
      (s) => s.resume("step"),
      (s) => s.type("replyhi"),
      (s) => s.stop(),
      (s) => s.stop({ backlog: 1n }),
      (s) => s.packet("P10=00"),
      (s) => s.packet("g", "00"),
      (s) => s.detach(),
      (s) => s.fresh(2),
    );
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 });
    const outcomes = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), order, async (steps, checks) => {
        const scenario = new Scenario();
        for (const each of steps) each(scenario);
        const input = await scenario.input(RUBRIC);
        const result = gradeTrace(input);
        outcomes.add(result.points);
        expect(gradeResultSchema.parse(result)).toEqual(result);
        expect(result.points).toBeLessThanOrEqual(pointsMaxOf(RUBRIC));
        expect(canonicalJson(gradeTrace(input))).toBe(canonicalJson(result));
        const other = gradeTrace({ ...input, rubric: permuted(RUBRIC, checks) });
        const sorted = (given: GradeResult) => [...given.verdicts].sort((a, b) => (a.check < b.check ? -1 : 1));
        expect(sorted(other)).toEqual(sorted(result));
      }),
      { numRuns: 300 },
    );
    expect(outcomes.size).toBeGreaterThan(3);
  });
});
