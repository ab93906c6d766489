import type { Command } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { table } from "../output/table.ts";

/** `ringside labs`: what can be started. */
export function addLabs(program: Command, context: Context): void {
  program
    .command("labs")
    .description("the labs of your courses")
    .option("--course <course>", "only of this course")
    .action(async (options: { course?: string }) => {
      const labs = await (await loggedInApi(context)).labs(options.course);
      printResult(context, labs, () => {
        if (labs.length === 0) return "No lab is offered to you yet: ask your instructor.";
        const rows = labs.map((lab) => [
          lab.lab,
          lab.course,
          String(lab.pointsMax),
          `${lab.sessionMinutes} min`,
          lab.imageDigest ? lab.title.en : `${lab.title.en} (its image is not built on the server yet)`,
        ]);
        return table(["lab", "course", "points", "time", "title"], rows);
      });
    });
}
