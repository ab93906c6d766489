import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LabFolder } from "./lab-folder.ts";

const LAB = `title: { en: T, zh: T }
summary: { en: S, zh: S }
image: linux-x86_64
parameters:
  digit: { kind: student_digits, count: 1 }
  call: { kind: lookup, table: targets, by: digit, column: call }
`;
const RUBRIC = "checks: [{ id: a, title: { en: T, zh: T }, points: 1, when: { attached: true } }]\n";
const rows = (count: number, call: string) =>
  `rows:\n${Array.from({ length: count }, (_, digit) => `  - { digit: ${digit}, call: ${call} }\n`).join("")}`;

let folder: string;
const put = (name: string, text: string) => writeFile(join(folder, "calls", name), text);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-labs-"));
  await mkdir(join(folder, "calls"));
  await put("lab.yaml", LAB);
  await put("rubric.yaml", RUBRIC);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("a lab comes with the tables that its parameters look into, read anew when one was changed", async () => {
  const labs = new LabFolder(folder);
  for (const call of ["read", "write"]) {
    await put("targets.yaml", rows(10, call));
    const { tables } = await labs.load("calls");
    expect(tables.targets?.rows).toHaveLength(10);
    expect(tables.targets?.rows[7]).toEqual({ digit: 7, call });
  }
});

it("files that nobody changed give the same definition", async () => {
  await put("targets.yaml", rows(10, "read"));
  const labs = new LabFolder(folder);
  const first = await labs.load("calls");
  expect(await labs.load("calls")).toBe(first);
  await put("targets.yaml", rows(10, "write"));
  expect(await labs.load("calls")).not.toBe(first);
});

it("a table that is missing, or has no row for some student, is told with the lab and the file", async () => {
  const labs = new LabFolder(folder);
  await expect(labs.load("calls")).rejects.toMatchObject({
    ...{ code: "lab_invalid", message: expect.stringContaining("calls/targets.yaml: is missing") },
  });
  await put("targets.yaml", rows(9, "read"));
  await expect(labs.load("calls")).rejects.toMatchObject({
    ...{ code: "lab_invalid", message: expect.stringContaining("has no value call in a row with digit 9") },
  });
  await put("targets.yaml", rows(10, "a b"));
  await expect(labs.load("calls")).rejects.toMatchObject({
    ...{ code: "lab_invalid", message: expect.stringContaining("calls/targets.yaml:2:") },
  });
});
