import { afterAll, beforeAll, expect, it } from "vitest";
import { referenceScript } from "../../apps/cli/src/labs/run-lab.ts";
import type { TestBox } from "../support/test-box.ts";
import { LAB, runTarget, startMatrixBed } from "../syscall-matrix/matrix.ts";
import { COURSE_LABS, pointsOf, runLab, scriptWithout } from "./testing/lab-run.ts";

/**
 * A sample of `ringside test --long syscall-matrix`: calls that read, block, fork twice over, map memory, take no
 * argument, replace each other (15, 43, 60), and have names of their own on one side (16, 23, 65).
 */
const SAMPLE = [0, 9, 15, 16, 23, 39, 43, 50, 56, 58, 60, 65];

let box: TestBox;
let reference: string;

beforeAll(async () => {
  box = await startMatrixBed();
  reference = await referenceScript(COURSE_LABS, LAB);
});
afterAll(() => box[Symbol.asyncDispose]());

it.each(SAMPLE)("the model solution earns full marks for the digits %i, by both ways in", async (digits) => {
  const { run, misses } = await runTarget(box, digits);
  expect(misses, run.output).toEqual([]);
  expect(run.grade.points).toBe(100);
});

it("steps and reads that are answered near gdb earn the same", async () => {
  const { run, misses } = await runTarget(box, 62, "near");
  expect(misses, run.output).toEqual([]);
});

it("a student number without two digits has drawn ones, and is told so", async () => {
  const run = await runLab(box, { lab: LAB, student: 3, script: "detach\n" });
  expect(run.session.parameters).toMatchObject({ digits_from: "course" });
  expect(pointsOf(run)).toMatchObject({ attached: 5, entry: 0 });
});

it("a step that is left out costs its own points and those that need it", async () => {
  const script = scriptWithout(reference, "x/21gx $rsp\n");
  const run = await runLab(box, { lab: LAB, student: 150, script });
  expect(pointsOf(run)).toMatchObject({ "stack-before": 5, "stack-after": 0, back: 5, "int80-back": 4 });
  expect(run.grade.points).toBe(95);
});

it("registers that a debugger set earn nothing, however right they are", async () => {
  const faked = [
    ...["set $rax = $my_number", "set $rdi = $my_arg1", "set $rsi = $my_arg2", "set $rdx = $my_arg3"],
    ...["set $rip = &entry_SYSCALL_64", "stepi", "detach", ""],
  ].join("\n");
  const run = await runLab(box, { lab: LAB, student: 151, script: faked });
  expect(run.grade.points).toBe(5);
  expect(pointsOf(run)).toMatchObject({ attached: 5, "at-call": 0, entry: 0, swapgs: 0, handler: 0 });
});
