import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import {
  functionTableSchema,
  type LabFile,
  type LabTable,
  labSlugSchema,
  type Parameters,
  structureTableSchema,
} from "@ringside/shared";
import { parseSymbols } from "@ringside/trace";
import { describe, expect, it } from "vitest";
import {
  cacheDirectory,
  findImage,
  imagePath,
  loadImage,
  programPath,
  readProgramSymbols,
  structuresPath,
} from "../../image/src/index.ts";
import { bindFunctions } from "./bind-functions.ts";
import { rubricProblem } from "./fit.ts";
import { FunctionNames } from "./function-names.ts";
import { parseLabFile } from "./lab-file.ts";
import { lookUp, parseLabTable, tableNames, tableProblem } from "./lab-tables.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { pointsMaxOf } from "./rubric.ts";
import { Scenario } from "./testing/scenario.ts";

const LABS = new URL("../../../course/labs/", import.meta.url);
const read = (lab: string, file: string) => readFile(new URL(`${lab}/${file}`, LABS), "utf8");
const labs = await readdir(LABS);

/** What a handout tells to type: `ringside …` anywhere, and lines in code blocks. */
const commandsOf = (handout: string) => ({
  ringside: [...new Set(handout.match(/ringside [a-z][a-z-]*(?: --?[a-z]+)*/g))].sort(),
  blocks: [...handout.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, block]) => block),
});

/** What some student may have. */
async function anyParameters(lab: string, file: LabFile): Promise<Parameters> {
  const tables: Record<string, LabTable> = {};
  for (const name of tableNames(file)) tables[name] = parseLabTable(name, await read(lab, `${name}.yaml`));
  expect(tableProblem(file, tables)).toBeNull();
  return Object.fromEntries(
    Object.entries(file.parameters).map(([name, rule]) => {
      if (rule.kind === "lookup") return [name, lookUp(tables, rule, 5) ?? 0];
      return [name, rule.kind === "word" || rule.kind === "digits_origin" ? "abc" : 5];
    }),
  );
}

async function imageOf(name: string) {
  const folder = await findImage(cacheDirectory(process.env), name);
  if (folder === null) throw new Error(`The image ${name} is not built: run \`ringside image build ${name}\``);
  const image = await loadImage(folder);
  const symbols = parseSymbols(await readFile(imagePath(image, "symbols"), "utf8"));
  const functions = functionTableSchema.parse(JSON.parse(await readFile(imagePath(image, "functions"), "utf8")));
  const table = structuresPath(image);
  const structures = table === null ? [] : structureTableSchema.parse(JSON.parse(await readFile(table, "utf8")));
  return { image, symbols, functions, structures };
}

it("the course has labs, named by slugs", () => {
  expect(labs).toContain("net-listen");
  for (const lab of labs) labSlugSchema.parse(lab);
});

describe.each(labs)("the lab %s", (lab) => {
  it("has valid files, worth 100 points", async () => {
    parseLabFile("lab.yaml", await read(lab, "lab.yaml"));
    const rubric = parseRubricFile("rubric.yaml", await read(lab, "rubric.yaml"));
    expect(pointsMaxOf(rubric)).toBe(100);
    expect(rubric.checks.every(({ hint }) => hint !== null)).toBe(true);
  });

  it("tells the same in both handouts, and names every command a student needs", async () => {
    const [en, zh] = await Promise.all(["handout.md", "handout.zh.md"].map((file) => read(lab, file)));
    const commands = commandsOf(en ?? "");
    expect(commandsOf(zh ?? "")).toEqual(commands);
    for (const command of ["login", "start", "connect", "gdb", "console", "submit", "grade"]) {
      expect(commands.ringside.some((each) => each.startsWith(`ringside ${command}`))).toBe(true);
    }
    const { first_steps } = parseLabFile("lab.yaml", await read(lab, "lab.yaml"));
    for (const step of [...first_steps.gdb, ...first_steps.console]) {
      expect(commands.blocks.join("")).toContain(`${step}\n`);
    }
  });

  it("has a model solution that takes the first steps", async () => {
    const { first_steps } = parseLabFile("lab.yaml", await read(lab, "lab.yaml"));
    const solution = (await read(lab, "reference.gdb")).split("\n");
    for (const step of first_steps.gdb) expect(solution).toContain(step);
  });

  it("has a rubric that fits its image", async () => {
    const file = parseLabFile("lab.yaml", await read(lab, "lab.yaml"));
    const rubric = parseRubricFile("rubric.yaml", await read(lab, "rubric.yaml"));
    const { image, symbols, functions, structures } = await imageOf(file.image);
    const path = programPath(image, file.program);
    const programText = path === null ? null : await readProgramSymbols(path);
    const program = programText === null ? null : parseSymbols(programText);
    const parameters = await anyParameters(lab, file);
    const { arch } = image.manifest;
    const names = new FunctionNames(symbols);
    const ground = { arch, symbols, names, functions, structures, program, parameters };
    expect(rubricProblem(bindFunctions(rubric, parameters), ground)).toBeNull();
  });
});

it("a complete session of net-listen has full marks with the real image's symbols", async () => {
  const text = await read("net-listen", "rubric.yaml");
  const { image, symbols, functions } = await imageOf("linux-x86_64");
  const [listen] = symbols.addressesOf("sys_listen");
  const inside = (name: string) => ((symbols.addressesOf(name)[0] ?? 0n) + 9n).toString(16);
  const frames = ["__x64_sys_listen", "x64_sys_call", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"].map(inside);
  const scenario = new Scenario({ image: image.manifest.digest }).attach().breakpoint(listen).resume().type("replyhi");
  scenario.stop({ ...(listen !== undefined && { pc: listen }), frames }).detach();
  const { gradeTrace } = await import("./grade.ts");
  const rubricDigest = createHash("sha256").update(text).digest("hex");
  const rubric = parseRubricFile("rubric.yaml", text);
  const result = gradeTrace(await scenario.input(rubric, { symbols, functions, rubricDigest }));
  expect(result).toMatchObject({ outcome: "graded", points: 100, ungradable: null });
});
