import type { GradeResult, LabOracle } from "@ringside/shared";
import { expect, it } from "vitest";
import { oracleText, verdictTable } from "./oracle-text.ts";
import { ORACLE } from "./testing/oracle.ts";

it("an oracle is shown with the rubric's names beside those of the image, and each stop with its calls", () => {
  const text = oracleText(ORACLE);
  expect(text).toContain("Linux 6.1.0");
  expect(text).toMatch(/^sys_listen +__sys_listen, sys_listen +0xffffffff81200bc0 .* fd in rdi, backlog in memory$/m);
  expect(text).toMatch(/^ +__x64_sys_listen +0xffffffff81200c30 +\(no debug information\)/m);
  expect(text).toMatch(/^gone +\(not there\)$/m);
  expect(text).toMatch(/^50 +3\.252 +sys_listen = __sys_listen +fd 3 in rdi, .*__x64_sys_listen < do_syscall_64$/m);
  expect(text).toContain("sk 0xffff888000400f00");
  expect(text).toContain("and 7 stops more");
});

it("what a guest or a lab's author wrote cannot steer the terminal", () => {
  const hostile: LabOracle = {
    ...ORACLE,
    parameters: { payload: "a" },
    functions: [{ name: "\u001b[2J", places: [] }],
  };
  expect(oracleText(hostile)).not.toContain("\u001b");
});

it("verdicts are shown a line each, in the language that was asked for", () => {
  const title = { en: "Stop", zh: "停" };
  const reason = { en: "No stop.", zh: "没有停下。" };
  const verdict = {
    check: "stopped",
    title,
    verdict: "fail",
    points: 0,
    pointsMax: 5,
    reason,
    evidence: [4, 7],
    times: [1, 2],
  };
  const grade = {
    outcome: "graded",
    ungradable: null,
    points: 0,
    pointsMax: 5,
    verdicts: [verdict],
  } as unknown as GradeResult;
  expect(verdictTable(grade as never, "zh").split("\n")[1]).toMatch(/^stopped +0\/5 +fail +4 7 +没有停下。$/);
});
