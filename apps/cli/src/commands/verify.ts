import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, note, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { plain } from "../output/table.ts";
import { fetchRecordedSession, type RecordedSession } from "../replay/materials.ts";
import { chooseScript, openReplay } from "../replay/open-replay.ts";
import { describeVerdict, type ReplayVerdict, verifyReplay } from "../replay/verify-replay.ts";
import { integer } from "./arguments.ts";

interface VerifyOptions {
  readonly replay?: boolean;
  readonly epoch?: number;
}

/** `ringside verify`: is a submission what happened? */
export function addVerify(program: Command, context: Context): void {
  program
    .command("verify")
    .argument("<submission>")
    .summary("check a submission's trace, or run its recording again")
    .description(
      "Checks a submission's trace: every event's hash, number and time, the seal, and that it is what was handed in.",
    )
    .option("--replay", "also run the recorded machines again here and compare stops and console, bit by bit")
    .option("--epoch <epoch>", "only this one of the session's machines, from 1", integer(1, Number.MAX_SAFE_INTEGER))
    .addHelpText("after", "\nExamples:\n  ringside verify sub_…\n  ringside verify --replay sub_…")
    .action((submission: string, options: VerifyOptions) => verify(context, submission, options));
}

async function verify(context: Context, submission: string, options: VerifyOptions): Promise<void> {
  const api = await loggedInApi(context);
  const session = await fetchRecordedSession(api, submission);
  const verdicts = options.replay === true ? await replays(context, api, submission, session, options.epoch) : [];
  const trace = { events: session.events.length, digest: session.digest };
  const differs = verdicts.some(({ difference }) => difference !== null);
  printResult(context, { submission, status: differs ? "different" : "intact", trace, replays: verdicts }, () =>
    [`trace: intact, ${trace.events} events, sealed, sha256 ${trace.digest}`, ...verdicts.flatMap(lines)].join("\n"),
  );
  if (differs) throw new CliError("failed", "");
}

async function replays(
  context: Context,
  api: Api,
  submission: string,
  session: RecordedSession,
  epoch: number | undefined,
): Promise<readonly ReplayVerdict[]> {
  const last = chooseScript(session, { epoch });
  const scripts = epoch === undefined ? session.scripts : [last];
  const verdicts: ReplayVerdict[] = [];
  for (const script of scripts) {
    if (!context.json()) note(context, `running machine ${script.epoch} again`);
    await using replayed = await openReplay(context, { api, submission, session, script, directions: "forward" });
    verdicts.push(await verifyReplay(script, session.opened.arch, replayed));
  }
  return verdicts;
}

function lines(verdict: ReplayVerdict): readonly string[] {
  const { epoch, uncounted, consoleLostAt, writes } = verdict;
  return [
    plain(`machine ${epoch}: ${describeVerdict(verdict)}`),
    ...(writes > 0 ? [`  ${writes} writes of the debugger were made again`] : []),
    ...(uncounted > 0 ? [`  ${uncounted} stops have no instruction count and were not compared`] : []),
    ...(consoleLostAt === null ? [] : [`  the trace lacks console output from event ${consoleLostAt} on`]),
  ];
}
