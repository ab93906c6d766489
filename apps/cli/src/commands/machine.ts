import type { Command } from "commander";
import { wake } from "../api/await-machine.ts";
import type { Api } from "../api/calls.ts";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { startProgress } from "../output/progress.ts";

/** `ringside hibernate`, `wake`, `pause` and `resume`: a machine put to sleep or held still. */
export function addMachine(program: Command, context: Context): void {
  const command = (name: string, texts: { readonly summary: string; readonly description: string }) =>
    program
      .command(name)
      .argument("[session]", "default: your one live session")
      .summary(texts.summary)
      .description(texts.description)
      .addHelpText("after", `\nExamples:\n  ringside ${name}\n  ringside --json ${name} ses_…`);
  command("hibernate", {
    summary: "save a machine and free its place",
    description:
      "Saves the machine of a session and frees its place; idle machines are hibernated by themselves. Whoever " +
      "connects wakes it, a debugger that stays attached does with its next command: its breakpoints are still set.",
  }).action((given?: string) => hibernate(context, given));
  command("wake", {
    summary: "wake a hibernated machine",
    description: "Gives a hibernated session its machine again, as it was. Connecting does the same.",
  }).action((given?: string) => wakeUp(context, given));
  command("pause", {
    summary: "hold a machine still",
    description: "Holds a machine still for everybody, whoever is connected, until `ringside resume`.",
  }).action((given?: string) => hold(context, given, "pause"));
  command("resume", {
    summary: "let a paused machine run",
    description: "Ends a pause. What a debugger has stopped stays stopped.",
  }).action((given?: string) => hold(context, given, "resume"));
}

async function hibernate(context: Context, given: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  using _progress = startProgress(context, `hibernating ${session.id}`);
  const asleep = await api.hibernate(session.id);
  printResult(context, asleep, () => {
    const size = asleep.hibernatedBytes === null ? "" : `, ${Math.ceil(asleep.hibernatedBytes / 1000)} kB on disk`;
    return `Session ${asleep.id} is hibernated${size}. \`ringside wake\` or any connection wakes it.`;
  });
}

async function wakeUp(context: Context, given: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  const awake = await wake(context, api, session);
  printResult(context, awake, () => `Session ${awake.id} is ${awake.state}.`);
}

async function hold(context: Context, given: string | undefined, what: "pause" | "resume"): Promise<void> {
  const api: Api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  const { paused } = await api[what](session.id);
  printResult(context, { session: session.id, paused }, () =>
    paused
      ? `Session ${session.id} is held still. \`ringside resume\` lets it run.`
      : `Session ${session.id} is not held any more; where a debugger has stopped it, it stays stopped.`,
  );
}
