import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readCsv } from "../testing/csv-reader.ts";
import { aGrade, anUngradable, aRow, aVerdict } from "../testing/graded.ts";
import { autolabOutput } from "./autolab.ts";
import { gradeCsv } from "./grade-csv.ts";
import { gradescopeResults, VISIBILITIES } from "./gradescope.ts";
import { prairieLearnResults } from "./prairielearn.ts";

/** The formats as their documentation has them; nothing that it does not name is let through. */
const points = z.number().min(0);
const prairieLearnSchema = z.union([
  z.strictObject({ gradable: z.literal(false), format_errors: z.array(z.string()), message: z.string() }),
  z.strictObject({
    gradable: z.literal(true),
    score: z.number().min(0).max(1),
    message: z.string(),
    output: z.string(),
    tests: z.array(
      z.strictObject({
        name: z.string(),
        description: z.string(),
        points,
        max_points: points,
        message: z.string(),
        output: z.string(),
      }),
    ),
  }),
]);
const PRAIRIELEARN_BYTES_MAX = 1_000_000;

const visibility = z.enum(["hidden", "after_due_date", "after_published", "visible"]);
const format = z.enum(["text", "html", "simple_format", "md", "ansi"]);
const gradescopeSchema = z.strictObject({
  score: z.number(),
  execution_time: z.number().optional(),
  output: z.string().optional(),
  output_format: format.optional(),
  test_output_format: format.optional(),
  test_name_format: format.optional(),
  visibility: visibility.optional(),
  stdout_visibility: visibility.optional(),
  extra_data: z.record(z.string(), z.unknown()).optional(),
  tests: z.array(
    z.strictObject({
      score: z.number(),
      max_score: z.number(),
      status: z.enum(["passed", "failed"]).optional(),
      name: z.string().optional(),
      name_format: format.optional(),
      number: z.string().optional(),
      output: z.string().optional(),
      output_format: format.optional(),
      tags: z.array(z.string()).optional(),
      visibility: visibility.optional(),
      extra_data: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

const autoresultSchema = z.strictObject({
  scores: z.record(z.string(), points),
  scoreboard: z.array(points).optional(),
});
const semanticSchema = z
  .object({ _presentation: z.literal("semantic"), stages: z.array(z.string()) })
  .catchall(z.record(z.string(), z.strictObject({ passed: z.boolean(), hint: z.string().optional() })).or(z.any()));

const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** A hundred checks with the longest texts that a grade may hold. */
function largest() {
  const text = "\u0001李".repeat(1_000);
  const evidence = Array.from({ length: 100 }, (_, index) => 999_000 + index);
  return aGrade({
    pointsMax: 1_000,
    verdicts: Array.from({ length: 100 }, (_, index) =>
      aVerdict({
        check: `c${index}`,
        verdict: "fail",
        points: 0,
        title: { en: text, zh: text },
        reason: { en: text, zh: text },
        evidence,
        times: evidence.map(() => 28_800_000.123),
      }),
    ),
  });
}

describe("a grade for PrairieLearn", () => {
  it("has a score from 0 to 1 and a test for each check, with its moments", () => {
    const results = plain(prairieLearnResults(aGrade(), "en"));
    prairieLearnSchema.parse(results);
    expect(results).toMatchObject({ gradable: true, score: 17.5 / 40, message: "17.5/40 points" });
    expect(results.gradable && results.tests[1]).toEqual({
      name: "Title of backlog",
      description: "backlog",
      points: 7.5,
      max_points: 10,
      message: "partly passed: Why backlog.",
      output: "Events of the recording: 47 (1.500 s), 56 (62.346 s)",
    });
  });

  it("is not gradable where the trace was not, and has its words in Chinese where they are asked for", () => {
    const results = plain(prairieLearnResults(anUngradable(), "zh"));
    prairieLearnSchema.parse(results);
    expect(results).toEqual({ gradable: false, format_errors: ["记录已损坏。"], message: "记录已损坏。" });
  });

  it("stays below 1 MB, without control characters", () => {
    const results = prairieLearnResults(largest(), "zh");
    prairieLearnSchema.parse(results);
    const text = JSON.stringify(results, null, 2);
    expect(Buffer.byteLength(text)).toBeLessThan(PRAIRIELEARN_BYTES_MAX);
    expect(text).not.toContain("\\u0001");
  });

  it("gives nothing for a rubric without points, and never more than all", () => {
    expect(prairieLearnResults(aGrade({ points: 0, pointsMax: 0 }), "en")).toMatchObject({ score: 0 });
    expect(prairieLearnResults(aGrade({ points: 50, pointsMax: 40 }), "en")).toMatchObject({ score: 1 });
  });
});

describe("a grade for Gradescope", () => {
  it("has a test for each check, and is seen by whom the instructor says", () => {
    for (const who of VISIBILITIES) {
      const results = plain(gradescopeResults(aGrade(), "en", who));
      gradescopeSchema.parse(results);
      expect(results?.tests.map(({ status, score, number }) => [number, status, score])).toEqual([
        ["1", "passed", 10],
        ["2", "failed", 7.5],
        ["3", "failed", 0],
        ["4", "failed", 0],
      ]);
      expect(results?.tests.every((one) => one.visibility === who)).toBe(true);
      expect(results?.score).toBe(17.5);
    }
  });

  it("is none where the trace could not be graded: 0 would be wrong", () => {
    expect(gradescopeResults(anUngradable(), "en")).toBeNull();
  });

  it("says where a person judged", () => {
    const automatic = { verdict: "fail", points: 0, reason: { en: "No.", zh: "否。" } } as const;
    const override = { author: "usr_00000000000000000000", at: "2026-03-02T08:00:00.000Z", automatic };
    const verdicts = [aVerdict({ check: "stopped", verdict: "pass", points: 10, override })];
    const [one] = gradescopeResults(aGrade({ verdicts }), "en")?.tests ?? [];
    expect(one?.output).toBe("passed: Why stopped. (Judged by an instructor.)");
  });
});

describe("a grade for Autolab", () => {
  it("ends with the autoresult, before it the table of checks", () => {
    const lines = autolabOutput(aGrade(), "en").split("\n");
    expect(lines.pop()).toBe("");
    const autoresult = autoresultSchema.parse(JSON.parse(lines.pop() ?? ""));
    expect(autoresult).toEqual({
      scores: { attached: 10, backlog: 7.5, stopped: 0, "went-on": 0 },
      scoreboard: [17.5, 10, 7.5, 0, 0],
    });
    const semantic = semanticSchema.parse(JSON.parse(lines.pop() ?? ""));
    expect(semantic.stages).toEqual(["Checks"]);
    expect(semantic.Checks).toMatchObject({
      attached: { passed: true },
      stopped: { passed: false, hint: "Why stopped." },
    });
    expect(lines[1]).toBe(
      "2. Title of backlog (7.5/10): Why backlog. [Events of the recording: 47 (1.500 s), 56 (62.346 s)]",
    );
  });

  it("gives no scores to what could not be graded, which leaves them to a person", () => {
    expect(autolabOutput(anUngradable(), "zh")).toBe('记录已损坏。\n{"scores":{}}\n');
  });

  it("keeps every text on its line, so that none is taken for the autoresult", () => {
    const reason = { en: 'x\n{"scores": {"attached": 100}}', zh: '{"scores": {}}' };
    const verdicts = [aVerdict({ check: "attached", verdict: "fail", points: 0, reason, title: reason })];
    for (const language of ["en", "zh"] as const) {
      const lines = autolabOutput(aGrade({ points: 0, verdicts }), language)
        .split("\n")
        .slice(0, -1);
      const results = lines.filter((line) => line.startsWith("{"));
      expect(results).toHaveLength(2);
      expect(JSON.parse(results[1] ?? "").scores).toEqual({ attached: 0 });
    }
    const ungradable = { ...anUngradable(), ungradable: reason };
    expect(
      autolabOutput(ungradable, "zh")
        .split("\n")
        .filter((line) => line.startsWith("{")),
    ).toHaveLength(1);
  });
});

describe("a lab's table of grades as CSV", () => {
  const rows = [
    aRow("李雷", aGrade()),
    aRow("=HYPERLINK(1)", anUngradable()),
    aRow("Ben", null),
    { ...aRow("Dora", null), studentNumber: null, submission: null },
    aRow("Eve", aGrade({ points: 5, verdicts: [aVerdict({ check: "extra", verdict: "pass", points: 5 })] })),
  ];

  it("has a row for each student and a column for each check; what was not graded has no points", () => {
    const file = readCsv(gradeCsv({ rows }, "en"));
    const [header = [], ...students] = file.rows;
    expect(header.slice(0, 4)).toEqual(["student number", "name", "state", "points"]);
    expect(header.slice(-5)).toEqual(["attached", "backlog", "stopped", "went-on", "extra"]);
    expect(students.map((row) => [row[1], row[2], row[3], ...row.slice(-5)])).toEqual([
      ["李雷", "graded", "17.5", "10", "7.5", "0", "0", ""],
      ["'=HYPERLINK(1)", "cannot be graded", "", "", "", "", "", ""],
      ["Ben", "waiting for its grade", "", "", "", "", "", ""],
      ["Dora", "nothing handed in", "", "", "", "", "", ""],
      ["Eve", "graded", "5", "", "", "", "", "5"],
    ]);
  });

  it("has its header in Chinese where that is asked for, and of nobody only the header", () => {
    expect(readCsv(gradeCsv({ rows: [] }, "zh")).rows).toEqual([
      ["学号", "姓名", "状态", "得分", "满分", "提交时间", "评分时间", "评分版本", "提交编号", "用户", "评分标准"],
    ]);
  });
});
