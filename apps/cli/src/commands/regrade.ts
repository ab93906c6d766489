import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { createInterface } from "node:readline/promises";
import { type Regrade, regradeIdSchema } from "@ringside/shared";
import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { chooseCourse } from "../api/choose-course.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, note, print } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { API_WAIT_MS, REGRADE_WAIT_MS, RUBRIC_BYTES_MAX } from "../limits.ts";
import { startProgress } from "../output/progress.ts";
import { regradeTable } from "../output/regrade-table.ts";

interface RegradeOptions {
  readonly course?: string;
  readonly rubric?: string;
  readonly dryRun?: boolean;
  /** True, or the id of a dry run. */
  readonly apply?: true | string;
}

/** `ringside regrade`: a changed rubric over all submissions of a lab, looked at first. */
export function addRegrade(program: Command, context: Context): void {
  program
    .command("regrade")
    .argument("<lab>")
    .summary("grade all submissions of a lab anew")
    .description(
      "Grades every submission of a lab with a rubric and shows what would change, check by check; then, if you say so, " +
        "makes the results a further version of the grades. Older versions and judgements by hand are kept. At a " +
        "terminal you are asked; elsewhere nothing is applied without --apply.",
    )
    .option("--course <course>", "default: the only one of yours that offers the lab")
    .option("--rubric <file>", "the rubric to grade by; default: the lab's own on the server, as it stands")
    .option("--dry-run", "only show what would change")
    .option("--apply [regrade]", "apply without asking; with an id, what that dry run showed")
    .addHelpText(
      "after",
      "\nExamples:\n  ringside regrade net-listen --rubric rubric.yaml --dry-run\n" +
        "  ringside regrade net-listen --apply rgr_…\n  ringside --json regrade net-listen --dry-run",
    )
    .action((lab: string, options: RegradeOptions) => regrade(context, lab, options));
}

async function regrade(context: Context, lab: string, options: RegradeOptions): Promise<void> {
  requireSense(options);
  const api = await loggedInApi(context);
  const course = await chooseCourse(api, lab, options.course);
  const made =
    typeof options.apply === "string"
      ? await api.regrade(course, lab, options.apply)
      : await api.startRegrade(course, lab, await rubricOf(options.rubric));
  const ready = await waitUntilReady(context, api, made);
  const changes = await api.regradeChanges(course, lab, ready.id);
  if (!context.json()) print(context, regradeTable(ready, changes));
  const applied = (await isWanted(context, ready, options)) ? await api.applyRegrade(course, lab, ready.id) : ready;
  if (context.json()) print(context, JSON.stringify({ regrade: applied, changes }, null, 2));
  else note(context, lastWords(applied));
}

function requireSense({ dryRun, apply, rubric }: RegradeOptions): void {
  if (dryRun === true && apply !== undefined) throw new CliError("usage", "--dry-run and --apply say opposite things");
  if (typeof apply !== "string") return;
  if (rubric !== undefined) throw new CliError("usage", "--apply with an id goes by the rubric of that dry run");
  if (!regradeIdSchema.safeParse(apply).success) {
    throw new CliError("usage", `${apply} is no id of a dry run: those begin with rgr_`);
  }
}

async function rubricOf(path: string | undefined): Promise<{ readonly rubric?: string; readonly file?: string }> {
  if (path === undefined) return {};
  try {
    if ((await stat(path)).size > RUBRIC_BYTES_MAX) throw new Error(`it is larger than ${RUBRIC_BYTES_MAX} bytes`);
    const file = basename(path)
      .replaceAll(/[^A-Za-z0-9._-]/g, "_")
      .slice(-100);
    return { rubric: await readFile(path, "utf8"), file };
  } catch (cause) {
    throw new CliError("not_found", `The rubric ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** @throws CliError try_later after REGRADE_WAIT_MS */
async function waitUntilReady(context: Context, api: Api, made: Regrade): Promise<Regrade> {
  using progress = startProgress(context, `grading ${made.lab} anew`);
  const deadline = Date.now() + REGRADE_WAIT_MS;
  for (let seen = made; ; ) {
    if (seen.state !== "running") return seen;
    progress.update(`${seen.done} of ${seen.submissions}`);
    if (Date.now() >= deadline) {
      throw new CliError(
        "try_later",
        `${seen.done} of ${seen.submissions} are graded; it goes on at the server. Look again with the same command.`,
      );
    }
    // In short waits while it moves: there is something to show.
    seen = await api.regrade(seen.course, seen.lab, seen.id, seen.submissions > 0 ? REGRADE_LOOK_MS : API_WAIT_MS);
  }
}

const REGRADE_LOOK_MS = 1_000;

async function isWanted(context: Context, ready: Regrade, { dryRun, apply }: RegradeOptions): Promise<boolean> {
  if (apply !== undefined) return true;
  const asks = context.stdin.isTTY === true && context.stdout.isTTY === true && !context.json();
  if (dryRun === true || !asks || ready.state !== "ready") return false;
  const prompt = createInterface({ input: context.stdin, output: context.stderr });
  try {
    const answer = await prompt.question("Apply these grades? [y/N] ", { signal: context.signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    prompt.close();
  }
}

function lastWords({ id, lab, state, rubricIsTheLabs }: Regrade): string {
  if (state !== "applied") return `Nothing is applied. \`ringside regrade ${lab} --apply ${id}\` applies this.`;
  const own = rubricIsTheLabs
    ? ""
    : ` What is handed in later is graded by the lab's own rubric, which is another: change rubric.yaml of ${lab} on the server, too.`;
  return `Applied: these are the grades now.${own}`;
}
