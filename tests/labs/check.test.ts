import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { labOracleSchema } from "@ringside/shared";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ringside, ringsideJson } from "../support/command.ts";
import { COURSE_LABS, scriptWithout } from "./testing/lab-run.ts";

const LAB = "net-listen";
const CHECK_MS = 180_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "rs-lab-check-"));
  await cp(path.join(COURSE_LABS, LAB), path.join(folder, LAB), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("an instructor checks a lab: full marks, and what the way looks like in this image", {
  timeout: CHECK_MS,
}, async () => {
  const out = path.join(folder, "oracle.json");
  const checked = await ringsideJson(["lab", "check", LAB, "--out", out], {});
  expect(checked).toMatchObject({ lab: LAB, gdb: 0, grade: { outcome: "graded", points: 100, pointsMax: 100 } });
  const oracle = labOracleSchema.parse(JSON.parse(await readFile(out, "utf8")));
  const [listen] = oracle.functions.filter(({ name }) => name === "sys_listen");
  expect(listen?.places[0]).toMatchObject({
    names: ["__sys_listen", "sys_listen"],
    params: [
      { name: "fd", register: "rdi" },
      { name: "backlog", register: "rsi" },
    ],
  });
  const stop = oracle.stops.find(({ course }) => course.includes("sys_listen"));
  expect(stop).toMatchObject({ cause: "breakpoint", position: "breakpoint", syscall: "50" });
  expect(stop?.arguments.at(1)).toEqual({
    ...{ name: "backlog", register: "rsi", value: String(oracle.parameters.backlog) },
  });
  expect(stop?.calls).toEqual(expect.arrayContaining(["__x64_sys_listen", "do_syscall_64"]));
  expect(await ringsideJson(["lab", "oracle", LAB], {})).toEqual(oracle);
});

it("a model solution that leaves a step out ends with 1 and the checks that it misses", {
  timeout: CHECK_MS,
}, async () => {
  const file = path.join(folder, LAB, "reference.gdb");
  const whole = await readFile(file, "utf8");
  await writeFile(file, scriptWithout(whole, "monitor type replyhi\ncontinue", ""));
  const { code, stderr } = await ringside(["lab", "check", LAB, "--labs", folder]);
  expect(code).toBe(1);
  expect(stderr).toContain("The model solution of net-listen does not earn full marks");
  expect(stderr).toMatch(/^ +stopped 0\/25: /m);
  expect(stderr).not.toMatch(/^ +attached /m);
});
