import type { Bilingual, Lab } from "@ringside/shared";
import type { Command } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { questionLines } from "../output/questions.ts";
import { table } from "../output/table.ts";
import { languageOf, languageOption } from "../trace/language.ts";

interface LabsOptions {
  readonly course?: string;
  readonly lang?: keyof Bilingual;
}

/** `ringside labs`: what can be started, and one lab with its first steps and questions. */
export function addLabs(program: Command, context: Context): void {
  program
    .command("labs")
    .argument("[lab]", "only this one: what it is about, its first steps, its questions")
    .description("the labs of your courses")
    .option("--course <course>", "only of this course")
    .addOption(languageOption())
    .action(async (lab: string | undefined, options: LabsOptions) => {
      const labs = await (await loggedInApi(context)).labs(options.course);
      if (lab === undefined) {
        printResult(context, labs, () => labsText(labs));
        return;
      }
      const found = labs.find((each) => each.lab === lab);
      if (!found) throw new CliError("not_found", `None of your courses offers ${lab}: \`ringside labs\` lists them`);
      printResult(context, found, () => labText(found, languageOf(context, options.lang)));
    });
}

function labsText(labs: readonly Lab[]): string {
  if (labs.length === 0) return "No lab is offered to you yet: ask your instructor.";
  const rows = labs.map((lab) => [
    lab.lab,
    lab.course,
    String(lab.pointsMax),
    `${lab.sessionMinutes} min`,
    lab.imageDigest ? lab.title.en : `${lab.title.en} (its image is not built on the server yet)`,
  ]);
  return table(["lab", "course", "points", "time", "title"], rows);
}

function labText(
  { lab, title, summary, pointsMax, sessionMinutes, firstSteps, questions }: Lab,
  language: keyof Bilingual,
) {
  const steps = [
    ...firstSteps.gdb.map((step) => `  (gdb) ${step}`),
    ...firstSteps.console.map((step) => `  at the console: ${step}`),
  ];
  return [
    `${title[language]} (${lab}): ${pointsMax} points, ${sessionMinutes} minutes`,
    summary[language].trim(),
    ...(steps.length > 0 ? ["First steps:", ...steps] : []),
    ...questionLines(questions, language),
  ].join("\n");
}
