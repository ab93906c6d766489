import { checkpointNameSchema, type Session } from "@ringside/shared";
import type { Command } from "commander";
import { becomeReady } from "../api/await-machine.ts";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { parsedBy } from "./arguments.ts";

/** `ringside fork`: a copy of a machine, to look around in. */
export function addFork(program: Command, context: Context): void {
  program
    .command("fork")
    .argument("[session]", "default: your one live session")
    .summary("copy a machine into a session of your own")
    .description(
      "Copies the machine of a session, as it is now or as a checkpoint has it, into a new session of yours. The first " +
        "one goes on undisturbed. A copy is for looking: it counts as a session and cannot be handed in.",
    )
    .option("--checkpoint <name>", "copy this checkpoint", parsedBy(checkpointNameSchema))
    .addHelpText("after", "\nExamples:\n  ringside fork\n  ringside fork ses_… --checkpoint before-listen")
    .action((given: string | undefined, options: { checkpoint?: string }) => fork(context, given, options));
}

async function fork(
  context: Context,
  given: string | undefined,
  options: { readonly checkpoint?: string },
): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  const { checkpoint } = options;
  const copy = await api.forkSession(session.id, checkpoint === undefined ? {} : { checkpoint });
  const ready = await becomeReady(context, api, copy);
  printResult(context, ready, () => forkText(ready, session));
}

function forkText({ id, endsAt }: Session, original: Session): string {
  return [
    `Session ${id} is a copy of ${original.id}, until ${endsAt}.`,
    "Next:",
    `  ringside gdb ${id}        debug the copy`,
    `  ringside console ${id}    type at its console`,
    `  ringside stop ${id}       end it`,
  ].join("\n");
}
