import { checkpointNameSchema, type SavedState } from "@ringside/shared";
import type { Command } from "commander";
import { becomeReady } from "../api/await-machine.ts";
import type { Api } from "../api/calls.ts";
import { chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { parsedBy } from "./arguments.ts";

const NAME = "a-z, 0-9 and '-', up to 32 characters";

/** `ringside checkpoint save|list|delete|restore`: moments of a machine to come back to. */
export function addCheckpoint(program: Command, context: Context): void {
  const checkpoint = program
    .command("checkpoint")
    .summary("save a machine under a name, and go back to it")
    .description("Named moments of a session's machine: save one, and restore the machine to it later.");
  const named = (command: string, name: string) =>
    checkpoint
      .command(command)
      .argument("<name>", name, parsedBy(checkpointNameSchema))
      .argument("[session]", "default: your one live session");
  named("save", NAME)
    .description("save the machine as it is now, in place of an older checkpoint of that name; the machine goes on")
    .action((name: string, given?: string) => save(context, name, given));
  checkpoint
    .command("list")
    .argument("[session]", "default: your one live session")
    .description("the checkpoints of a session")
    .action((given?: string) => list(context, given));
  named("delete", "the checkpoint")
    .description("remove a checkpoint")
    .action((name: string, given?: string) => remove(context, name, given));
  named("restore", "the checkpoint")
    .description("put the machine back to a checkpoint; what it did since is lost, its recording goes on")
    .action((name: string, given?: string) => restore(context, name, given));
  checkpoint.addHelpText(
    "after",
    "\nExamples:\n  ringside checkpoint save before-listen\n  ringside checkpoint restore before-listen\n" +
      "  ringside fork --checkpoint before-listen",
  );
}

async function save(context: Context, name: string, given: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  const saved = await api.saveCheckpoint(session.id, name);
  printResult(
    context,
    saved,
    () =>
      `Saved as ${saved.name} (${kilobytes(saved)}). \`ringside checkpoint restore ${saved.name}\` goes back to it.`,
  );
}

async function list(context: Context, given: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  const checkpoints = await api.checkpoints(session.id);
  printResult(context, checkpoints, () =>
    checkpoints.length === 0
      ? `Session ${session.id} has no checkpoint. \`ringside checkpoint save NAME\` saves one.`
      : table(
          ["checkpoint", "size", "saved"],
          checkpoints.map((saved) => [saved.name, kilobytes(saved), saved.savedAt]),
        ),
  );
}

async function remove(context: Context, name: string, given: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  await naming(api, session.id, name, api.deleteCheckpoint(session.id, name));
  printResult(context, { session: session.id, deleted: name }, () => `The checkpoint ${name} is gone.`);
}

async function restore(context: Context, name: string, given: string | undefined): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  const restoring = await naming(api, session.id, name, api.restoreCheckpoint(session.id, name));
  const ready = await becomeReady(context, api, restoring);
  printResult(context, ready, () => `Session ${ready.id} is at ${name} again; gdb connects anew.`);
}

/** Where the server knows no such checkpoint, says which there are. */
async function naming<T>(api: Api, session: string, name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof CliError && cause.code === "not_found")) throw cause;
    const names = (await api.checkpoints(session)).map((saved) => saved.name);
    const known = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
    throw new CliError("not_found", `Session ${session} has no checkpoint ${name}: ${known}.`, {
      code: "not_found",
      cause,
    });
  }
}

const kilobytes = ({ bytes }: SavedState) => `${Math.ceil(bytes / 1000)} kB`;
