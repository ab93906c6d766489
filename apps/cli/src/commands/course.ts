import { readFile, stat } from "node:fs/promises";
import type { Command } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { ROSTER_BYTES_MAX } from "../limits.ts";
import { table } from "../output/table.ts";
import { languageOption } from "../trace/language.ts";
import { showGrades } from "./grades.ts";
import { parseRoster } from "./roster.ts";

/** `ringside course …`: what instructors do. */
export function addCourse(program: Command, context: Context): void {
  const course = program.command("course").description("set up a course, its people and labs; its grades");
  course
    .command("create")
    .argument("<course>", "short name: a-z, 0-9 and '-'")
    .argument("<title>")
    .description("create a course (administrators)")
    .action(async (name: string, title: string) => {
      const made = await (await loggedInApi(context)).createCourse(name, title);
      printResult(
        context,
        made,
        () => `Course ${made.course} is there. Next: \`ringside course members ${made.course} roster.csv\``,
      );
    });
  course
    .command("members")
    .argument("<course>")
    .argument("[roster]", "CSV with the columns number, name and role (student or instructor; may be left out)")
    .description("add people from a roster and print the tokens of new ones, once; without a roster, list them")
    .action((name: string, roster: string | undefined) => members(context, name, roster));
  course
    .command("labs")
    .argument("<course>")
    .argument("[labs...]", "offer these labs of the server's lab folder")
    .description("offer labs; without any, list those offered")
    .action(async (name: string, labs: string[]) => {
      const api = await loggedInApi(context);
      for (const lab of labs) await api.offerLab(name, lab);
      const offered = await api.labs(name);
      printResult(context, offered, () =>
        table(
          ["lab", "points", "title"],
          offered.map((lab) => [lab.lab, String(lab.pointsMax), lab.title.en]),
        ),
      );
    });
  course
    .command("grades")
    .argument("<course>")
    .argument("<lab>")
    .description("the latest grade of each member")
    .option("--csv", "as a CSV file for spreadsheets, with the points of each check")
    .addOption(languageOption())
    .action(async (name: string, lab: string, options: { csv?: boolean; lang?: "en" | "zh" }) => {
      await showGrades(context, name, lab, options);
    });
  course.addHelpText(
    "after",
    "\nExamples:\n  ringside course create os-2026 'Operating systems'\n  ringside course members os-2026 roster.csv > tokens.txt\n  ringside course labs os-2026 net-listen\n  ringside course grades os-2026 net-listen --csv > grades.csv",
  );
}

async function members(context: Context, course: string, roster: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  if (roster === undefined) {
    const list = await api.members(course);
    printResult(context, list, () =>
      table(
        ["number", "name", "role"],
        list.map(({ user, role }) => [user.studentNumber ?? "", user.name, role]),
      ),
    );
    return;
  }
  const added = await api.addMembers(course, parseRoster(await readRoster(roster)));
  printResult(context, added, () =>
    table(
      ["number", "name", "role", "token"],
      added.map(({ user, role, token }) => [user.studentNumber ?? "", user.name, role, token ?? "(has one already)"]),
    ),
  );
}

async function readRoster(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > ROSTER_BYTES_MAX) throw new Error(`it is larger than ${ROSTER_BYTES_MAX} bytes`);
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CliError("not_found", `The roster ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
