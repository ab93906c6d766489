import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referenceScript } from "../../apps/cli/src/labs/run-lab.ts";
import type { TestBox } from "../support/test-box.ts";
import { COURSE_LABS, missesOf, pointsOf, runLab, scriptWithout, shortOf, startLabBed } from "./testing/lab-run.ts";

const LAB = "socketcall";

let box: TestBox;
let reference: string;

beforeAll(async () => {
  box = await startLabBed({ labs: [LAB], images: ["linux-i386"] });
  reference = await referenceScript(COURSE_LABS, LAB);
});
afterAll(() => box[Symbol.asyncDispose]());

const shortWith = async (script: string) => shortOf(await runLab(box, { lab: LAB, script }));

describe("the model solution", () => {
  it.each(["tcp", "near"] as const)("earns full marks over %s", async (way) => {
    const run = await runLab(box, { lab: LAB, way });
    expect(missesOf(run), run.output).toEqual([]);
    expect(run.grade.points).toBe(100);
    expect(run.output).toContain(`__sys_listen (fd=3, backlog=${run.session.parameters.backlog})`);
    expect(run.output).toContain(`"${run.session.parameters.payload}"`);
  });

  it("loses the points of the one handler that it leaves out", async () => {
    expect(await shortWith(scriptWithout(reference, "tbreak __sys_accept4\ncontinue\n"))).toEqual({
      "handler-accept": 0,
    });
  });

  it("loses the silence of a breakpoint that it does not set, and the setting", async () => {
    expect(await shortWith(scriptWithout(reference, "break sys_bind\nbreak", "break"))).toMatchObject({
      "own-entries": 0,
      "silent-bind": 0,
    });
  });

  it("loses the points of a wrong answer", async () => {
    const wrong = scriptWithout(reference, "answer number 102", "answer number 112");
    expect(await shortWith(wrong)).toEqual({ "answer-number": 0 });
  });
});

it("arguments and a program counter that are set by hand earn nothing", async () => {
  const faked = [
    ...["break sys_socketcall", "monitor type replyhi", "continue", "set var regs->bx = 4"],
    ...[
      "set $eip = &__sys_listen",
      "set $eax = 3",
      "set $edx = $my_backlog",
      "break __sys_listen",
      "stepi",
      "continue",
    ],
    ...["delete", "detach"],
  ];
  const points = pointsOf(await runLab(box, { lab: LAB, script: faked.join("\n") }));
  expect(points).toMatchObject({ attached: 2, "call-socket": 6, "call-listen": 0, "handler-listen": 0 });
  expect(Object.values(points).reduce((sum, each) => sum + each, 0)).toBe(8);
});
