import { readFile } from "node:fs/promises";
import path from "node:path";
import { lookUp, parseLabFile, parseLabTable } from "@ringside/grading";
import type { LabRun } from "../../apps/cli/src/labs/run-lab.ts";
import { COURSE_LABS, missesOf, runLab, startLabBed } from "../labs/testing/lab-run.ts";
import type { TestBox } from "../support/test-box.ts";

/** The lab in which the last two digits of the student number are a system call, done for any of them. */
export const LAB = "syscall-by-number";
export const DIGITS = 100;

/** A box with a student for each of the two digits: those of the test box are numbered B0, B1 and so on. */
export function startMatrixBed(): Promise<TestBox> {
  return startLabBed({ labs: [LAB], students: 2 * DIGITS });
}
const studentOf = (digits: number): number => DIGITS + digits;

export interface Target {
  readonly digits: number;
  readonly number: number;
  readonly call: string;
  readonly number32: number;
  readonly call32: string;
}

/** What the lab's table has for these digits. */
export async function targetOf(digits: number): Promise<Target> {
  const [lab, table] = await Promise.all(["lab.yaml", "targets.yaml"].map(read));
  const { parameters } = parseLabFile("lab.yaml", lab ?? "");
  const tables = { targets: parseLabTable("targets.yaml", table ?? "") };
  const value = (name: string) => {
    const rule = parameters[name];
    return rule?.kind === "lookup" ? lookUp(tables, rule, digits) : null;
  };
  return {
    digits,
    number: Number(value("number")),
    call: String(value("call")),
    number32: Number(value("number32")),
    call32: String(value("call32")),
  };
}

const read = (file: string) => readFile(path.join(COURSE_LABS, LAB, file), "utf8");

export interface MatrixRun {
  readonly target: Target;
  readonly run: LabRun;
  /** Checks without all their points, with the reasons; empty for full marks. */
  readonly misses: readonly string[];
}

/** Does the lab by its model solution as the student with these digits, over plain TCP or `ringside connect`. */
export async function runTarget(box: TestBox, digits: number, way: "tcp" | "near" = "tcp"): Promise<MatrixRun> {
  const target = await targetOf(digits);
  const run = await runLab(box, { lab: LAB, student: studentOf(digits), way });
  const { parameters } = run.session;
  const wrong = (Object.keys(target) as (keyof Target)[]).filter((name) => parameters[name] !== target[name]);
  const foreign = wrong.map((name) => `parameter ${name} is ${parameters[name]}, not ${target[name]}`);
  return { target, run, misses: [...foreign, ...missesOf(run)] };
}
