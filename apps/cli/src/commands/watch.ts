import { userIdSchema } from "@ringside/shared";
import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { chooseCourse } from "../api/choose-course.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { stuckTable, timelineText } from "../output/progress-tables.ts";
import { languageOf, languageOption } from "../trace/language.ts";
import { integer } from "./arguments.ts";

interface Options {
  readonly course?: string;
  readonly lang?: "en" | "zh";
}

const MINUTES_MAX = 7 * 24 * 60;
const COURSE_HELP = "default: the only one of yours that offers the lab";

/** `ringside stuck` and `timeline`: how students get on. */
export function addWatch(program: Command, context: Context): void {
  program
    .command("stuck")
    .argument("<lab>")
    .summary("who is stuck where")
    .description(
      "Shows for each student the last check of the rubric that their running session has met, for how long, and the " +
        "hint of the next one. What a session has met is judged from its recording so far.",
    )
    .option("--course <course>", COURSE_HELP)
    .option("--minutes <n>", "also sessions that ended within so many minutes; default: 120", integer(1, MINUTES_MAX))
    .addOption(languageOption())
    .addHelpText("after", "\nExamples:\n  ringside stuck net-listen\n  ringside --json stuck net-listen --minutes 30")
    .action(async (lab: string, { course: given, minutes, lang }: Options & { minutes?: number }) => {
      const api = await loggedInApi(context);
      const progress = await api.labProgress(await chooseCourse(api, lab, given), lab, minutes);
      printResult(context, progress, () => stuckTable(progress, languageOf(context, lang)));
    });
  program
    .command("timeline")
    .argument("<student>", "student number, name or id")
    .requiredOption("--lab <lab>", "of this lab")
    .summary("one student's way through a lab")
    .description(
      "Shows a student's sessions of a lab, running ones too: when which check was met, by which event of the recording, " +
        "and where each was met first.",
    )
    .option("--course <course>", COURSE_HELP)
    .addOption(languageOption())
    .addHelpText(
      "after",
      "\nExamples:\n  ringside timeline S123 --lab net-listen\n  ringside --json timeline 'Ada' --lab net-listen",
    )
    .action(async (student: string, { lab, course: given, lang }: Options & { lab: string }) => {
      const api = await loggedInApi(context);
      const course = await chooseCourse(api, lab, given);
      const timeline = await api.timeline(course, lab, await findStudent(api, course, student));
      printResult(context, timeline, () => timelineText(timeline, languageOf(context, lang)));
    });
}

/** @returns the user's id. @throws CliError not_found, or usage where several have that name */
async function findStudent(api: Api, course: string, student: string): Promise<string> {
  if (userIdSchema.safeParse(student).success) return student;
  const members = (await api.members(course)).map(({ user }) => user);
  const exact = members.find(({ studentNumber }) => studentNumber === student);
  if (exact !== undefined) return exact.id;
  const [only, ...others] = members.filter(({ name }) => name === student);
  if (only === undefined) throw new CliError("not_found", `${course} has no member with the number or name ${student}`);
  if (others.length > 0) {
    const numbers = [only, ...others].map(({ studentNumber, id }) => studentNumber ?? id).join(", ");
    throw new CliError("usage", `Several members of ${course} are called ${student}: say which of ${numbers}`);
  }
  return only.id;
}
