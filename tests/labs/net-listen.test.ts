import { afterAll, beforeAll, expect, it } from "vitest";
import { referenceScript } from "../../apps/cli/src/labs/run-lab.ts";
import type { TestBox } from "../support/test-box.ts";
import { COURSE_LABS, missesOf, pointsOf, runLab, scriptWithout, startLabBed } from "./testing/lab-run.ts";

const LAB = "net-listen";

let box: TestBox;
let reference: string;

beforeAll(async () => {
  box = await startLabBed({ labs: [LAB] });
  reference = await referenceScript(COURSE_LABS, LAB);
});
afterAll(() => box[Symbol.asyncDispose]());

it.each(["tcp", "near"] as const)("the model solution earns full marks over %s", async (way) => {
  const run = await runLab(box, { lab: LAB, way });
  expect(missesOf(run), run.output).toEqual([]);
  expect(run.grade.points).toBe(100);
});

it("a program counter set by hand earns what it was before, and no stop", async () => {
  const faked = "set $rip = &__sys_listen\nstepi\n";
  const run = await runLab(box, {
    lab: LAB,
    script: scriptWithout(reference, "monitor type replyhi\ncontinue", faked),
  });
  expect(pointsOf(run)).toMatchObject({ attached: 10, breakpoint: 15, stopped: 0, backlog: 0 });
});
