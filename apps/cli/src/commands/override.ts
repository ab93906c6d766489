import { OVERRIDE_REASON_CHARS_MAX, type OverrideList, type Submission } from "@ringside/shared";
import { type Command, InvalidArgumentError } from "commander";
import type { Api } from "../api/calls.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { findSubmission } from "../trace/open-trace.ts";

interface OverrideOptions {
  readonly points?: number;
  readonly reason?: string;
  readonly remove?: boolean;
}

/** `ringside override`: an instructor's own judgement of a check. */
export function addOverride(program: Command, context: Context): void {
  program
    .command("override")
    .argument("<submission>", "a submission, or the session that was handed in")
    .argument("[check]", "the check to judge; without it, what was judged so far is listed")
    .summary("judge a check by hand")
    .description(
      "Puts your own judgement of a check in the place of the grader's: the student sees your points, your reason and " +
        "your name. The grader's verdict is kept beside it, and so is every judgement that was replaced or removed.",
    )
    .option("--points <n>", "what the check earns", points)
    .option("--reason <text>", `why, for the student; at most ${OVERRIDE_REASON_CHARS_MAX} characters`)
    .option("--remove", "take your judgement back: the grader's own verdict counts again")
    .addHelpText(
      "after",
      "\nExamples:\n  ringside override sub_… stopped --points 25 --reason 'Shown to me in class.'\n" +
        "  ringside override sub_… stopped --remove\n  ringside override sub_…",
    )
    .action((what: string, check: string | undefined, options: OverrideOptions) =>
      override(context, what, check, options),
    );
}

function points(text: string): number {
  if (!/^\d{1,5}(?:\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError("It is a number of points, 0 or more.");
  return Number(text);
}

async function override(
  context: Context,
  what: string,
  check: string | undefined,
  options: OverrideOptions,
): Promise<void> {
  const api = await loggedInApi(context);
  const { id } = await findSubmission(api, what);
  if (check === undefined) {
    printResult(context, await api.overrides(id), listText);
    return;
  }
  const judged = await judge(api, id, check, options);
  printResult(context, judged, () => judgedText(judged, check));
}

async function judge(
  api: Api,
  id: string,
  check: string,
  { points: given, reason, remove }: OverrideOptions,
): Promise<Submission> {
  if (remove === true) {
    if (given !== undefined || reason !== undefined) {
      throw new CliError("usage", "--remove goes without --points and --reason");
    }
    return api.removeOverride(id, check);
  }
  if (given === undefined || reason === undefined || reason.trim() === "") {
    throw new CliError("usage", "Say what the check earns and why: --points N --reason TEXT (or --remove)");
  }
  return api.setOverride(id, check, { points: given, reason });
}

function judgedText({ id, grade }: Submission, check: string): string {
  const verdict = grade?.verdicts.find((each) => each.check === check);
  if (grade === null || verdict === undefined) return `The judgement of ${check} is removed.`;
  const total = `${grade.points} of ${grade.pointsMax} points (${id})`;
  const now = `${check}: ${verdict.verdict.replace("_", " ")}, ${verdict.points}/${verdict.pointsMax}`;
  if (verdict.override === undefined) return `${now}, as the grader judged it. ${total}`;
  const { automatic } = verdict.override;
  return `${now}, judged by hand; the grader's own: ${automatic.verdict.replace("_", " ")}, ${automatic.points}. ${total}`;
}

function listText({ overrides, unused, history }: OverrideList): string {
  if (history.length === 0) return "Nobody has judged a check of this submission by hand.";
  const idle = new Set(unused.map(({ check }) => check));
  const standing = overrides.map(({ check, ...each }) => [
    check,
    String(each.points),
    each.authorName ?? each.author,
    idle.has(check) ? `${each.reason} (fits no check of the grade as it is)` : each.reason,
  ]);
  const past = history.map((each) => [
    each.at,
    each.did,
    each.check,
    String(each.points),
    each.authorName,
    each.reason,
  ]);
  const now = standing.length === 0 ? "Nothing stands." : table(["check", "points", "by", "reason"], standing);
  return `${now}\n\n${table(["when", "what", "check", "points", "by", "reason"], past)}`;
}
