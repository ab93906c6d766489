import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { gradeTrace } from "./grade.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { longSession } from "./testing/long-session.ts";
import { FUNCTIONS, STRUCTURES } from "./testing/scenario.ts";

const NET_LISTEN = parseRubricFile(
  "rubric.yaml",
  await readFile(new URL("../../../course/labs/net-listen/rubric.yaml", import.meta.url), "utf8"),
);
const title = "title: { en: Title, zh: 标题 }";
/** A rubric with a condition of each kind. */
const EVERYTHING = parseRubricFile(
  "rubric.yaml",
  `questions:
  - { id: backlog, kind: number, ${title} }
checks:
  - { id: stopped, ${title}, points: 1, when: { stopped_at: { function: sys_listen, args: { backlog: $backlog }, mode: kernel, via: do_syscall_64, registers: { rsp: kernel_address } } } }
  - { id: stepped, ${title}, points: 1, when: { stepped: { how: instruction, in: sys_listen, at_least: 50 } } }
  - { id: looked, ${title}, points: 1, when: { looked_at: { structure: proto_ops, member: listen } } }
  - { id: stack, ${title}, points: 1, when: { read_memory: { stack: true } } }
  - { id: registers, ${title}, points: 1, when: { read_registers: {} } }
  - { id: silent, ${title}, points: 1, when: { breakpoint_silent: { function: __x64_sys_listen, while: stopped } } }
  - { id: printed, ${title}, points: 1, when: { printed: { text: of a program that } } }
  - { id: answered, ${title}, points: 1, when: { answered: { question: backlog, equals: { from: { check: stopped, argument: backlog } } } } }
  - { id: clean, ${title}, points: 1, when: { all_of: [{ never: { wrote_memory: true, jumped: true, before: stopped } }, { none_of: [{ console_typed: quit }] }] } }
  - { id: line, ${title}, points: 2, when: { stepped: { how: line } }, partial: [{ points: 1, when: { any_of: [{ resumed_after: stopped }, { attached: true }] } }] }`,
);

describe("a session of thousands of events", () => {
  it("is graded in full", async () => {
    const scenario = longSession({ events: 2_000, student: 1 });
    const { trace, ...input } = await scenario.input(NET_LISTEN);
    expect(trace.events.length).toBeGreaterThan(2_000);
    expect(gradeTrace({ ...input, trace })).toMatchObject({ outcome: "graded", points: 100 });
    const verdicts = gradeTrace({ ...input, trace, rubric: EVERYTHING }).verdicts;
    expect(verdicts.map(({ check, verdict }) => [check, verdict])).toEqual([
      ...["stopped", "stepped", "looked", "stack", "registers", "silent", "printed", "answered", "clean"].map((id) => [
        id,
        "pass",
      ]),
      ["line", "partial"],
    ]);
    for (const { evidence, times } of verdicts) expect(times).toEqual(evidence.map((event) => trace.events[event]?.t));
  });
});

describe("grades", () => {
  it("are the same bytes whatever order tables and parameters come in, and however often", async () => {
    const scenario = longSession({ events: 150, student: 7 });
    const input = await scenario.input(EVERYTHING);
    const bytes = canonicalJson(gradeTrace(input));
    const aliases = [
      { name: "handler", names: ["inet_listen"] },
      { name: "listen", names: ["sys_listen"] },
    ];
    const entries = Object.entries(input.expected.parameters);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...FUNCTIONS], { minLength: FUNCTIONS.length }),
        fc.shuffledSubarray([...STRUCTURES], { minLength: STRUCTURES.length }),
        fc.shuffledSubarray(aliases, { minLength: 0 }),
        fc.shuffledSubarray(entries, { minLength: entries.length }),
        (functions, structures, found, parameters) => {
          const expected = { ...input.expected, parameters: Object.fromEntries(parameters) };
          const again = { ...input, functions, structures, aliases: found, expected };
          expect(canonicalJson(gradeTrace(again))).toBe(bytes);
          expect(canonicalJson(gradeTrace(again))).toBe(bytes);
        },
      ),
      { numRuns: 30 },
    );
  });
});
