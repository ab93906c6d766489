import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { StructureRow } from "@ringside/shared";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readTables } from "./grade-file.ts";
import type { GradeInput } from "./grader.ts";

let folder: string;
const STRUCTURES: readonly StructureRow[] = [
  { name: "socket", bytes: 40, members: [{ name: "ops", offset: 32, bytes: 8, pointsTo: "proto_ops" }] },
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-tables-"));
  await writeFile(join(folder, "System.map"), "ffffffff81800000 T __sys_listen\n");
  await writeFile(join(folder, "functions.json"), "[]");
  await writeFile(join(folder, "structures.json"), JSON.stringify(STRUCTURES));
  await writeFile(join(folder, "menu.c"), "int listen(void) { return 1; }\nvoid _start(void) { listen(); }\n");
  const flags = ["-nostdlib", "-static", "-no-pie", "-o", join(folder, "menu"), join(folder, "menu.c")];
  await promisify(execFile)("gcc", flags);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const inputOf = (tables: Partial<GradeInput>): GradeInput => ({
  ...{ trace: "", traceDigest: "", answers: [], rubric: { file: "", text: "", digest: "" } },
  ...{ symbols: join(folder, "System.map"), functions: join(folder, "functions.json") },
  ...{ structures: null, program: null, aliases: [] },
  expected: { session: "", lab: "", image: "", parameters: {}, sealKeys: "unchecked" },
  ...tables,
});

it("grading reads the image's structures, the symbols of the lab's program, and its further names", async () => {
  const aliases = [{ name: "__sys_listen", names: ["sys_listen"] }];
  const files = { structures: join(folder, "structures.json"), program: join(folder, "menu") };
  const tables = await readTables(inputOf({ ...files, aliases }));
  expect(tables.structures).toEqual(STRUCTURES);
  expect(tables.aliases).toBe(aliases);
  const [listen = 0n] = tables.program?.addressesOf("listen") ?? [];
  expect(tables.program?.lookup(listen + 1n)?.name).toBe("listen");
});

it("an image of before, and a program without symbols, leave those tables empty", async () => {
  const tables = await readTables(inputOf({ program: join(folder, "menu.c") }));
  expect(tables).toMatchObject({ structures: [], program: undefined });
});

it("a table that is damaged is no grade", async () => {
  await expect(readTables(inputOf({ structures: join(folder, "menu.c") }))).rejects.toThrow();
});
