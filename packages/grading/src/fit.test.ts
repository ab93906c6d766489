import { describe, expect, it } from "vitest";
import { rubricProblem } from "./fit.ts";
import { FunctionNames } from "./function-names.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { FUNCTIONS, PROGRAM, STRUCTURES, SYMBOLS } from "./testing/scenario.ts";

const names = new FunctionNames(SYMBOLS);
const ground = {
  ...{
    arch: "x86_64" as const,
    symbols: SYMBOLS,
    names,
    functions: FUNCTIONS,
    structures: STRUCTURES,
    program: PROGRAM,
  },
  parameters: { backlog: 17, payload: "abc" },
};
const problemOf = (when: string, given: Partial<typeof ground> = {}) => {
  const title = "title: { en: a, zh: 甲 }";
  const text = `questions: [{ id: q, kind: text, ${title} }]
checks:
  - { id: one, ${title}, points: 1, when: ${when} }
  - { id: two, ${title}, points: 1, when: { attached: true } }`;
  return rubricProblem(parseRubricFile("r.yaml", text), { ...ground, ...given })?.en ?? null;
};
const at = (more: string) => `{ stopped_at: { function: sys_listen, ${more} } }`;

describe("a rubric that asks for what is not there", () => {
  it.each([
    ["{ breakpoint_on: sys_lisen }", "the kernel has no sys_lisen; did you mean sys_listen or __sys_listen?"],
    ["{ breakpoint_silent: { function: nothing_like_it, while: two } }", "the kernel has no nothing_like_it"],
    ["{ stepped: { how: line, in: inet_liste } }", "did you mean inet_listen?"],
    ["{ never: { stopped_at: inet_liste } }", "the kernel has no inet_liste"],
    [at("via: do_syscall_65"), "did you mean do_syscall_64?"],
    [at("args: { depth: 1 }"), "sys_listen has no known argument depth"],
    [at("args: { fd: $nothing }"), "there is no number $nothing"],
    [at("args: { fd: $payload }"), "there is no number $payload"],
    [at("registers: { rxx: 1 }"), "x86_64 has no register rxx"],
    [at("registers: { rax: $payload }"), "there is no number $payload"],
    [at("user_registers: { eip: 1 }"), "x86_64 has no register eip"],
    [at("syscall: $nothing"), "there is no number $nothing"],
    ["{ stopped_at: { program: connect } }", "its program has no function connect"],
    ["{ looked_at: { structure: sock } }", "its table of structures has no sock"],
    ["{ looked_at: { structure: sockets } }", "its table of structures has no sockets; did you mean socket"],
    ["{ looked_at: { structure: socket, member: opps } }", "struct socket has no member opps; did you mean ops"],
    ["{ looked_at: { structure: socket, member: ops, value: $no } }", "there is no number $no"],
    ["{ read_memory: { symbol: jiffies_65 } }", "the kernel has no jiffies_65"],
    ["{ answered: { question: q, equals: $nothing } }", "there is no $nothing"],
    ["{ answered: { question: q, equals: { function: nope_nope } } }", "the kernel has no nope_nope"],
    ["{ answered: { question: q, equals: { from: { check: two, register: r99 } } } }", "x86_64 has no register r99"],
    ["{ answered: { question: q, equals: { from: { check: two, member: sock.x } } } }", "has no sock"],
    ["{ any_of: [{ attached: true }, { breakpoint_on: nothing_like_it }] }", "the kernel has no nothing_like_it"],
  ])("is told what: %s", (when, message) => {
    expect(problemOf(when)).toMatch(/^The rubric does not fit the (?:image|lab): .*\(check one\)\.$/);
    expect(problemOf(when)).toContain(message);
  });

  it("in a part of its points is told the same", () => {
    expect(
      problemOf("{ attached: true }, partial: [{ points: 0.5, when: { breakpoint_on: nothing_like_it } }]"),
    ).toContain("the kernel has no nothing_like_it");
  });

  it("is told where the lab has no program, and fits where all is there", () => {
    expect(problemOf("{ stopped_at: { program: listen } }", { program: null as never })).toContain(
      "no program of its own",
    );
    for (const when of [
      at("args: { backlog: $backlog }, registers: { rax: 1 }, user_registers: { orig_rax: 50 }, via: x64_sys_call"),
      "{ stopped_at: { program: listen } }",
      "{ looked_at: { structure: socket, member: ops } }",
      "{ read_memory: { symbol: data } }",
      "{ answered: { question: q, equals: [abc, $payload, { from: { check: two, syscall: true } }] } }",
    ]) {
      expect(problemOf(when)).toBeNull();
    }
  });
});
