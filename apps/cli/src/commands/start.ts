import { randomUUID } from "node:crypto";
import type { Bilingual, Lab, Session } from "@ringside/shared";
import type { Command } from "commander";
import { becomeReady, wake } from "../api/await-machine.ts";
import type { Api } from "../api/calls.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, note, printResult } from "../context.ts";
import { questionLines } from "../output/questions.ts";
import { languageOf } from "../trace/language.ts";

/** `ringside start LAB`: a machine for a lab, ready when the command ends. */
export function addStart(program: Command, context: Context): void {
  program
    .command("start")
    .argument("<lab>", "the lab, as `ringside labs` names it")
    .summary("get a machine for a lab")
    .description(
      "Starts a machine for a lab and waits until it is ready, showing the place in the queue where there is one. " +
        "A machine that you have already is used again, and woken where it is hibernated.",
    )
    .option("--course <course>", "the course, where several offer the lab")
    .addHelpText(
      "after",
      "\nExamples:\n  ringside start net-listen\n  ringside --json start net-listen --course os-demo",
    )
    .action((lab: string, options: { course?: string }) => start(context, lab, options.course));
}

async function start(context: Context, lab: string, course: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = (await liveSession(context, api, lab, course)) ?? (await api.startSession(lab, course, randomUUID()));
  const asleep = session.state === "hibernated";
  const ready = asleep ? await wake(context, api, session) : await becomeReady(context, api, session);
  const [questions, labs] = await Promise.all([
    api.answers(ready.id).catch(() => []),
    api.labs(ready.course).catch(() => []),
  ]);
  context.signal.throwIfAborted();
  const language = languageOf(context, undefined);
  printResult(context, ready, () =>
    readyText(ready, notesOn(ready, labs, language), questionLines(questions, language)),
  );
}

async function liveSession(
  context: Context,
  api: Api,
  lab: string,
  course: string | undefined,
): Promise<Session | undefined> {
  const me = await api.me();
  const live = await api.sessions({ state: "live", lab, ...(course !== undefined && { course }) });
  const own = live.find((session) => session.user === me.user.id && session.forkedFrom === null);
  if (own) note(context, `You have a live session of ${lab} already: ${own.id}`);
  return own;
}

/** What the lab has to say of the values that this session has. */
function notesOn({ lab, parameters }: Session, labs: readonly Lab[], language: keyof Bilingual): readonly string[] {
  const notes = labs.find((each) => each.lab === lab)?.notes ?? [];
  return notes.filter((each) => parameters[each.parameter] === each.value).map(({ text }) => `  ${text[language]}`);
}

function readyText(session: Session, notes: readonly string[], questions: readonly string[]): string {
  const parameters = Object.entries(session.parameters).map(([name, value]) => `  ${name} = ${value}`);
  return [
    `Session ${session.id} of ${session.lab} is ${session.state}, until ${session.endsAt}.`,
    ...(session.record ? ["It is recorded for a replay: it cannot be hibernated, saved or copied."] : []),
    ...(parameters.length > 0 ? ["Your own values for this lab:", ...parameters, ...notes] : []),
    "Next:",
    "  ringside gdb        debug its kernel with your gdb",
    "  ringside console    type at its console (in another terminal)",
    "  ringside submit     hand in",
    ...questions,
  ].join("\n");
}
