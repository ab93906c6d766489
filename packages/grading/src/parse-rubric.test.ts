import { RingsideError } from "@ringside/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLabFile } from "./lab-file.ts";
import { YAML_BYTES_MAX } from "./limits.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { pointsMaxOf } from "./rubric.ts";

const check = (id: string, when: string, more = "") => `  - id: ${id}
    title: { en: Title, zh: 标题 }
    points: 10
    when: ${when}
${more}`;
const rubric = (...checks: readonly string[]) => `checks:\n${checks.join("")}`;

function problemOf(text: string, parse: (file: string, text: string) => unknown = parseRubricFile): string {
  try {
    parse("rubric.yaml", text);
  } catch (error) {
    expect(error).toBeInstanceOf(RingsideError);
    expect((error as RingsideError).code).toBe("lab_invalid");
    return (error as RingsideError).message;
  }
  return "no problem";
}

describe("a rubric file", () => {
  it("is read with its functions, conditions and needs", () => {
    const text = `
functions:
  - { function: sys_listen, aliases: [__sys_listen, __x64_sys_listen, sys_listen] }
${rubric(
  check("a", "{ attached: true }"),
  check("b", "{ breakpoint_on: sys_listen }", "    needs: [a]\n"),
  check(
    "c",
    "{ stopped_at: { function: sys_listen, args: { backlog: $backlog, fd: 3 }, via: do_syscall_64, cause: step } }",
  ),
  check("d", "{ all_of: [{ resumed_after: c }, { never: { wrote_registers: true, before: b } }] }"),
  check("e", "{ any_of: [{ console_typed: menu 32 }, { stopped_at: { function: f, after_writes: accept } }] }"),
)}`;
    const { checks } = parseRubricFile("rubric.yaml", text);
    const listen = { name: "sys_listen", names: ["sys_listen", "__sys_listen", "__x64_sys_listen"] };
    expect(checks.map(({ id, needs }) => [id, needs])).toEqual([
      ["a", []],
      ["b", ["a"]],
      ["c", []],
      ["d", ["c", "b"]],
      ["e", []],
    ]);
    expect(checks.map(({ when }) => when).slice(1, 3)).toEqual([
      { kind: "breakpoint_on", function: listen },
      {
        kind: "stopped_at",
        function: listen,
        program: null,
        args: [
          { name: "backlog", expected: { kind: "parameter", name: "backlog" } },
          { name: "fd", expected: { kind: "value", value: 3n } },
        ],
        registers: [],
        userRegisters: [],
        syscall: null,
        mode: null,
        position: null,
        via: { name: "do_syscall_64", names: ["do_syscall_64"] },
        cause: "step",
        byStep: null,
        after: null,
        afterWrites: "refuse",
      },
    ]);
    expect(checks[3]?.when).toMatchObject({
      conditions: [{ check: "c" }, { registers: true, memory: false, before: "b" }],
    });
    expect(pointsMaxOf({ checks })).toBe(50);
  });

  it.each([
    [
      "an unknown key, with those allowed",
      rubric(check("a", "{ attached: true }", "    hints: x\n")),
      "rubric.yaml:6:5: checks[0].hints: a check has no hints; allowed are: id, title, points, needs, when, partial, hint",
    ],
    [
      "an unknown condition, with those allowed",
      rubric(check("a", "{ stop_at: x }")),
      "rubric.yaml:5:13: checks[0].when.stop_at: a condition has no stop_at; allowed are: attached, breakpoint_on, breakpoint_silent, console_typed, printed, stopped_at, stepped, looked_at, read_memory, read_registers, answered, resumed_after, never, all_of, any_of, none_of",
    ],
    ["no condition", rubric(check("a", "{}")), "must have exactly one condition of: attached"],
    [
      "two conditions",
      rubric(check("a", "{ attached: true, console_typed: x }")),
      "must have exactly one condition of: attached",
    ],
    [
      "a pattern for a function",
      rubric(check("a", "{ breakpoint_on: 'sys_(a+)+$' }")),
      "must be the name of a C function",
    ],
    ["text over several lines", rubric(check("a", '{ console_typed: "a\\nb" }')), "must be one line"],
    [
      "an argument's value that is none",
      rubric(check("a", "{ stopped_at: { function: f, args: { x: y } } }")),
      "rubric.yaml:5:48: checks[0].when.stopped_at.args.x: must be a whole number, or $ and the name",
    ],
    ["an unknown cause", rubric(check("a", "{ stopped_at: { function: f, cause: magic } }")), '"breakpoint"'],
    [
      "an empty never",
      rubric(check("a", "{ never: { before: a } }")),
      "needs wrote_registers: true, wrote_memory: true, jumped: true or stopped_at",
    ],
    [
      "an unknown check in needs",
      rubric(check("a", "{ attached: true }", "    needs: [b]\n")),
      "rubric.yaml:2:5: checks[0]: there is no check b; checks are: a",
    ],
    ["an unknown check in a condition", rubric(check("a", "{ resumed_after: b }")), "there is no check b"],
    [
      "a check twice",
      rubric(check("a", "{ attached: true }"), check("a", "{ attached: true }")),
      "rubric.yaml:6:5: checks[1].id: there is another check a",
    ],
    ["a check that needs itself", rubric(check("a", "{ attached: true }", "    needs: [a]\n")), "a needs itself"],
    [
      "a cycle of needs",
      rubric(check("a", "{ attached: true }", "    needs: [b]\n"), check("b", "{ resumed_after: a }")),
      "b needs itself",
    ],
    [
      "a stop without a place",
      rubric(check("a", "{ stopped_at: { cause: step } }")),
      "needs a place: function, program or mode",
    ],
    ["a stop at two places", rubric(check("a", "{ stopped_at: { function: f, program: g } }")), "not both"],
    [
      "arguments of no function",
      rubric(check("a", "{ stopped_at: { mode: user, args: { x: 1 } } }")),
      "args are known of a kernel function only",
    ],
    [
      "a register's value that is none",
      rubric(check("a", "{ stopped_at: { function: f, registers: { rax: high } } }")),
      "or one of: kernel_address, user_address",
    ],
    ["a way to step that there is not", rubric(check("a", "{ stepped: { how: jump } }")), '"instruction"'],
    ["neither symbol nor stack", rubric(check("a", "{ read_memory: {} }")), "needs symbol, or stack: true"],
    [
      "a question that is not asked",
      rubric(check("a", "{ answered: { question: q, equals: 1 } }")),
      "there is no question q; there are none under questions:",
    ],
    [
      "a text for a number",
      `questions: [{ id: q, kind: number, title: { en: a, zh: 甲 } }]\n${rubric(check("a", "{ answered: { question: q, equals: many } }"))}`,
      "question q is of kind number, and an answer here is a text",
    ],
    [
      "a question twice",
      `questions: [{ id: q, kind: text, title: { en: a, zh: 甲 } }, { id: q, kind: text, title: { en: a, zh: 甲 } }]\n${rubric(check("a", "{ attached: true }"))}`,
      "questions[1].id: there is another question q",
    ],
    [
      "an answer that is none",
      `questions: [{ id: q, kind: text, title: { en: a, zh: 甲 } }]\n${rubric(check("a", "{ answered: { question: q, equals: { from: { check: a } } } }"))}`,
      "checks[0].when.answered.equals.from: needs exactly one of: argument, register, user_register, syscall, member",
    ],
    [
      "a part as large as the whole",
      rubric(check("a", "{ attached: true }", "    partial: [{ points: 10, when: { attached: true } }]\n")),
      "rubric.yaml:6:17: checks[0].partial[0].points: must be less than the check's 10 points",
    ],
    [
      "a part that needs its own check",
      rubric(check("a", "{ attached: true }", "    partial: [{ points: 1, when: { resumed_after: a } }]\n")),
      "a needs itself",
    ],
    [
      "a check that is not there behind a condition",
      rubric(check("a", "{ stepped: { how: line, after: b } }")),
      "there is no check b",
    ],
    ["no checks", "checks: []", "rubric.yaml:1:1: checks: "],
    ["no text", "", "rubric.yaml:1:1: "],
    [
      "a missing translation",
      rubric("  - { id: a, title: { en: x }, points: 1, when: { attached: true } }\n"),
      "rubric.yaml:2:14: checks[0].title.zh",
    ],
    [
      "points below none",
      rubric("  - { id: a, title: { en: x, zh: x }, points: -1, when: { attached: true } }\n"),
      "checks[0].points",
    ],
    ["YAML that is none", "checks: [", "rubric.yaml:1:10: "],
    ["a key twice", "checks: []\nchecks: []", "rubric.yaml:2:1: "],
    ["an unknown tag", "checks: !!js/function x", "rubric.yaml:1:9: "],
    ["two documents", "checks: []\n---\nchecks: []", "rubric.yaml:2:1: "],
    ["a key that is a map", "? { a: b }\n: c", "a key must be a plain word"],
    ["a key of the object prototype", "__proto__: { checks: [] }", "rubric.yaml:1:1: "],
  ])("with %s is refused with its place", (_, text, message) => {
    expect(problemOf(text)).toContain(message);
  });

  it("tells every problem at once, up to a limit", () => {
    const text = rubric(...Array.from({ length: 30 }, (_, index) => check(`c${index}`, "{ breakpoint_on: 1 }")));
    const lines = problemOf(text).split("\n");
    expect(lines).toHaveLength(21);
    expect(lines[1]).toMatch(/^rubric\.yaml:9:13: checks\[1\]\.when\.breakpoint_on: /);
    expect(lines[20]).toBe("… and 10 more");
  });

  it("with aliases is refused before they are resolved", () => {
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (let i = 1; i < 20; i += 1) {
      const [here, before] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)];
      bomb.push(`${here}: &${here} [${Array(9).fill(`*${before}`).join(",")}]`);
    }
    expect(problemOf(bomb.join("\n"))).toBe(
      "rubric.yaml:2:8: b[0]: aliases (*name) are not allowed: write the value out",
    );
    expect(problemOf(bomb.join("\n"), parseLabFile)).toContain("aliases (*name) are not allowed");
    expect(problemOf("a: &a { b: *a }")).toContain("aliases (*name) are not allowed");
  });

  it("that is nested without end, or too large, is refused", () => {
    for (const text of ["[", "- ", "? ", "{a: "].map((opening) => opening.repeat(16_000))) {
      expect(problemOf(text)).toBe("rubric.yaml:1:1: more than 24 maps and lists inside each other");
    }
    expect(problemOf(`${"[".repeat(30)}${"]".repeat(30)}`)).toContain("inside each other");
    const nested = Array.from({ length: 8 }).reduce<string>((inner) => `{ all_of: [${inner}] }`, "{ attached: true }");
    expect(problemOf(rubric(check("a", nested)))).toContain("at most 6 all_of, any_of, none_of inside each other");
    expect(problemOf(`# ${"x".repeat(YAML_BYTES_MAX)}`)).toContain("larger than");
  });

  it("of any text is read or refused, and nothing else happens", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "checks:",
        "functions:",
        "\n  - ",
        "\n    ",
        "id: a",
        "when:",
        "{",
        "}",
        "[",
        "]",
        "&a",
        "*a",
        "? ",
        ": ",
        "|\n",
        "'",
        '"',
        "---\n",
        "%YAML 1.2\n",
        "!!set",
      ),
      fc.string({ maxLength: 5 }),
    );
    let refused = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        if (problemOf(pieces.join("")) !== "no problem") refused += 1;
      }),
      { numRuns: 1_000 },
    );
    expect(refused).toBeGreaterThan(900);
  });
});

describe("a lab file", () => {
  const lab = "title: { en: a, zh: 甲 }\nsummary: { en: a, zh: 甲 }\nimage: linux-x86_64\n";

  it("is read with its defaults", () => {
    expect(parseLabFile("lab.yaml", lab)).toMatchObject({ limits: { session_minutes: 120 }, parameters: {} });
  });

  it("is refused with the place of what is wrong", () => {
    const text = `${lab}parameters:\n  backlog: { kind: int, min: 9, max: 5 }\n`;
    expect(problemOf(text, parseLabFile)).toBe("rubric.yaml:5:3: parameters.backlog: min must not be above max");
  });
});
