import { type Submission, sessionIdSchema, submissionIdSchema } from "@ringside/shared";
import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, note, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { API_WAIT_MS, GRADE_WAIT_MS } from "../limits.ts";
import { startProgress } from "../output/progress.ts";
import { table } from "../output/table.ts";

/** `ringside submit` and `grade`. */
export function addGrade(program: Command, context: Context): void {
  program
    .command("submit")
    .argument("[session]", "default: your one live session")
    .summary("hand in a session")
    .description("Seals the recording of a session, ends its machine and has it graded.")
    .option("--no-wait", "do not wait for the grade")
    .action(async (given: string | undefined, options: { wait: boolean }) => {
      const api = await loggedInApi(context);
      const session = await chooseSession(api, given);
      await tellUnanswered(context, api, session.id);
      const submission = await api.submit(session.id);
      if (!options.wait) {
        printResult(context, submission, () => `Handed in as ${submission.id}: ${submission.traceEvents} events.`);
        return;
      }
      note(context, `Handed in as ${submission.id}: ${submission.traceEvents} events.`);
      printGrade(context, await waitForGrade(context, api, submission.id));
    });
  program
    .command("grade")
    .argument("[what]", "a submission or session; default: your latest submission")
    .summary("the grade of a submission, check by check")
    .description("Shows the grade of a submission, each check with its reason and its moments in the recording.")
    .action(async (what: string | undefined) => {
      const api = await loggedInApi(context);
      printGrade(context, await waitForGrade(context, api, await chooseSubmission(api, what)));
    });
}

/** Names the questions without an answer. That a server does not know of questions keeps nobody from handing in. */
async function tellUnanswered(context: Context, api: Api, session: string): Promise<void> {
  const questions = await api.answers(session).catch(() => []);
  context.signal.throwIfAborted();
  const open = questions.filter(({ value }) => value === null).map(({ question }) => question);
  if (open.length === 0) return;
  note(context, `Not answered with \`ringside answer\`: ${open.join(", ")}. What you answered in gdb counts.`);
}

async function chooseSubmission(api: Api, what: string | undefined): Promise<string> {
  if (what !== undefined && submissionIdSchema.safeParse(what).success) return what;
  if (what !== undefined && !sessionIdSchema.safeParse(what).success) {
    throw new CliError(
      "usage",
      `${what} is neither a submission nor a session: \`ringside sessions --all\` lists both`,
    );
  }
  if (what !== undefined) {
    const { submission } = await api.session(what);
    if (submission !== null) return submission;
    throw new CliError("not_found", `The session ${what} was not handed in: \`ringside submit ${what}\` does`);
  }
  const me = await api.me();
  const latest = (await api.sessions()).find((session) => session.user === me.user.id && session.submission !== null);
  if (latest?.submission) return latest.submission;
  throw new CliError("not_found", "You have handed in nothing yet: `ringside submit` does");
}

/** Waits for the grade of a submission. @throws CliError after GRADE_WAIT_MS */
async function waitForGrade(context: Context, api: Api, id: string): Promise<Submission> {
  using progress = startProgress(context, `grading ${id}`);
  const deadline = Date.now() + GRADE_WAIT_MS;
  while (Date.now() < deadline) {
    const submission = await api.submission(id, API_WAIT_MS);
    if (submission.grade !== null) return submission;
    progress.update("waiting");
  }
  throw new CliError("try_later", `The grade is not there yet: look again with \`ringside grade ${id}\``);
}

function printGrade(context: Context, submission: Submission): void {
  printResult(context, submission, () => gradeText(submission));
}

/** A grade as people read it. */
function gradeText(submission: Submission): string {
  const { grade } = submission;
  if (grade === null) return `${submission.id} is not graded yet.`;
  if (grade.outcome === "ungradable") {
    return `${submission.id} cannot be graded: ${grade.ungradable?.en ?? "its recording is damaged"} It does not count as an attempt.`;
  }
  const rows = grade.verdicts.map((verdict) => [
    verdict.check,
    verdict.verdict.replace("_", " "),
    `${verdict.points}/${verdict.pointsMax}`,
    verdict.evidence.slice(0, 6).join(",") + (verdict.evidence.length > 6 ? ",…" : ""),
    verdict.override === undefined
      ? verdict.reason.en
      : `${verdict.reason.en} (judged by ${verdict.override.authorName ?? "an instructor"})`,
  ]);
  return `${table(["check", "verdict", "points", "evidence", "reason"], rows)}\n\n${grade.points} of ${grade.pointsMax} points (${submission.id}, ${submission.lab}; evidence: event numbers of the recording)`;
}
