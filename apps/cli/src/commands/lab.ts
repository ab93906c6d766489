import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Bilingual, LabOracle, Submission } from "@ringside/shared";
import { type Command, Option } from "commander";
import { type Context, note, print, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { type CheckedLab, checkLab } from "../labs/check-lab.ts";
import { type LabFiles, readLabFiles } from "../labs/lab-files.ts";
import { findOracle, keepOracle, oracleJson } from "../labs/oracle-store.ts";
import { oracleText, verdictTable } from "../labs/oracle-text.ts";
import { plain } from "../output/table.ts";
import { cacheFolder, ensureImage } from "../setup/image.ts";
import { languageOf, languageOption } from "../trace/language.ts";

/** Ends with 50: the system call of that number is listen, as in the course's own example. */
const STUDENT_NUMBER = "2026050";

interface LabOptions {
  readonly labs?: string;
  readonly student: string;
  readonly way: "tcp" | "near";
  readonly out?: string;
  readonly lang?: "en" | "zh";
}

/** `ringside lab check|oracle`: is a lab right, and what does its way look like in its image? */
export function addLab(program: Command, context: Context): void {
  const lab = program.command("lab").description("check a lab by its model solution on a real machine");
  const command = (name: string) =>
    lab
      .command(name)
      .argument("<lab>", "the lab's folder name")
      .option("--labs <folder>", "where the lab's folder is (default: the course's labs)")
      .option("--student <number>", "the student number that parameters are drawn for", STUDENT_NUMBER)
      .addOption(new Option("--way <way>", "how gdb reaches the machine").choices(["tcp", "near"]).default("tcp"))
      .option("-o, --out <file>", "also write the oracle there, as JSON")
      .addOption(languageOption());
  command("check")
    .summary("do a lab by its reference.gdb; full marks, or exit 1")
    .description(
      "Starts a machine of the lab in a temporary server on this computer, has gdb follow the lab's reference.gdb, and " +
        "hands in. Shows each check's verdict, what the rubric's functions are called in the image and where their " +
        "arguments stand, and every stop with its chain of calls (the oracle, which is kept). Ends with 1 unless the " +
        "model solution has full marks.",
    )
    .action((name: string, options: LabOptions) => check(context, name, options));
  command("oracle")
    .summary("show what the last check found; without one, check")
    .description(
      "Shows the oracle of a lab and its image: the one that is kept, else a new one by `ringside lab check`.",
    )
    .action((name: string, options: LabOptions) => oracle(context, name, options));
  lab.addHelpText("after", "\nExamples:\n  ringside lab check socketcall\n  ringside --json lab oracle socketcall");
}

const labsFolderOf = (context: Context, { labs }: LabOptions): string =>
  labs === undefined ? join(context.repoRoot, "course", "labs") : resolve(labs);

async function run(context: Context, files: LabFiles, options: LabOptions): Promise<CheckedLab> {
  const image = await ensureImage(context, files.file.image);
  const labsFolder = labsFolderOf(context, options);
  const { way, student: studentNumber } = options;
  const onLine = (line: string) => note(context, `gdb| ${plain(line.replaceAll("\t", "  "))}`);
  const checked = await checkLab(context, { labsFolder, files, image, way, studentNumber, onLine });
  // What a run shows that went wrong is no oracle.
  if (hasFullMarks(checked.run.grade)) await keepOracle(cacheFolder(context), checked.oracle);
  return checked;
}

async function check(context: Context, name: string, options: LabOptions): Promise<void> {
  const files = await readLabFiles(labsFolderOf(context, options), name);
  const { run: done, oracle: found } = await run(context, files, options);
  const { grade } = done;
  if (options.out !== undefined) await writeFile(options.out, oracleJson(found));
  const language = languageOf(context, options.lang);
  printResult(context, { lab: name, gdb: done.code, grade, oracle: found }, () =>
    [oracleText(found), "", verdictTable(grade, language), "", `${grade.points} of ${grade.pointsMax} points`].join(
      "\n",
    ),
  );
  if (!hasFullMarks(grade)) throw new CliError("failed", missesText(name, grade, language));
}

async function oracle(context: Context, name: string, options: LabOptions): Promise<void> {
  const files = await readLabFiles(labsFolderOf(context, options), name);
  const image = await ensureImage(context, files.file.image);
  const kept = await findOracle(cacheFolder(context), image.manifest.digest, files.digest);
  const found: LabOracle = kept ?? (await run(context, files, options)).oracle;
  if (options.out !== undefined) await writeFile(options.out, oracleJson(found));
  if (context.json()) print(context, oracleJson(found).trimEnd());
  else print(context, oracleText(found));
}

type Grade = NonNullable<Submission["grade"]>;

const hasFullMarks = ({ outcome, points, pointsMax }: Grade): boolean => outcome === "graded" && points === pointsMax;

function missesText(lab: string, grade: Grade, language: keyof Bilingual): string {
  if (grade.ungradable !== null) return `The model solution of ${lab} cannot be graded: ${grade.ungradable[language]}`;
  const missed = grade.verdicts.filter(({ points, pointsMax }) => points < pointsMax);
  const lines = missed.map(
    ({ check: id, points, pointsMax, reason }) => `  ${id} ${points}/${pointsMax}: ${reason[language]}`,
  );
  return [`The model solution of ${lab} does not earn full marks:`, ...lines].join("\n");
}
