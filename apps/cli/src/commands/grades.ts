import { gradeCsv } from "@ringside/grading";
import type { Command } from "commander";
import { chooseCourse } from "../api/choose-course.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { gradesTable } from "../output/grades-table.ts";
import { languageOf, languageOption } from "../trace/language.ts";

interface GradesOptions {
  readonly csv?: boolean;
  readonly lang?: "en" | "zh";
}

/** `ringside grades`. */
export function addGrades(program: Command, context: Context): void {
  program
    .command("grades")
    .argument("<lab>")
    .summary("the grades of a lab, student by student")
    .description("Shows the latest grade of each student of a lab, with what instructors judged by hand.")
    .option("--course <course>", "default: the only one of yours that offers the lab")
    .option("--csv", "as a CSV file for spreadsheets, with the points of each check")
    .addOption(languageOption())
    .addHelpText("after", "\nExamples:\n  ringside grades net-listen\n  ringside grades net-listen --csv > grades.csv")
    .action(async (lab: string, { course: given, ...options }: GradesOptions & { course?: string }) => {
      const course = await chooseCourse(await loggedInApi(context), lab, given);
      await showGrades(context, course, lab, options);
    });
}

/** Prints a lab's grades: as a table, as JSON, or as CSV. */
export async function showGrades(context: Context, course: string, lab: string, options: GradesOptions): Promise<void> {
  const grades = await (await loggedInApi(context)).grades(course, lab);
  if (options.csv === true) context.stdout.write(gradeCsv(grades, languageOf(context, options.lang)));
  else printResult(context, grades, gradesTable);
}
