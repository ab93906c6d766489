import type { Command } from "commander";
import { wake } from "../api/await-machine.ts";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { debugFiles } from "../api/debug-file.ts";
import { type Context, note } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { startConnector } from "../near/connector.ts";
import { attachArguments, runGdb } from "../processes/gdb.ts";
import { isMet } from "../setup/requirements.ts";

/** `ringside gdb`: your gdb, attached, with the kernel's symbols. */
export function addGdb(program: Command, context: Context): void {
  program
    .command("gdb")
    .argument("[session]", "default: your one live session")
    .argument("[gdb-arguments...]", "after --, given to gdb")
    .summary("your gdb, attached to your machine")
    .description("Starts the gdb of this machine with the kernel's symbols, attached to your machine.")
    .addHelpText("after", "\nExamples:\n  ringside gdb\n  ringside gdb -- -ex 'break sys_listen' -ex continue")
    .action((given: string | undefined, rest: string[], _options: unknown, command: Command) => {
      // `ringside gdb -- -ex …`: without a session, the first of gdb's own arguments takes its place.
      const own = given?.startsWith("ses_") === true || command.args.length === 0;
      return gdb(context, own ? given : undefined, own || given === undefined ? rest : [given, ...rest]);
    });
}

async function gdb(context: Context, given: string | undefined, gdbArguments: readonly string[]): Promise<void> {
  const { PATH } = context.environment;
  if (!(await isMet({ package: "gdb", probe: "gdb", purpose: "", needed: "run" }, PATH))) {
    throw new CliError("failed", "There is no gdb on this machine: install it (Debian: apt-get install gdb)");
  }
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  const files = await debugFiles(context, api, session);
  await wake(context, api, session);
  await using connector = await startConnector({
    api,
    session: session.id,
    host: "127.0.0.1",
    port: 0,
    signal: context.signal,
    onEvent: ({ what, words }) => {
      if (words !== undefined) note(context, `ringside: ${what}: ${words}`);
    },
  });
  using _held = context.holdInterrupts();
  const args = [...attachArguments(files, `127.0.0.1:${connector.port}`), ...gdbArguments];
  const { code } = await runGdb(args, childEnvironment(context.environment));
  if (code !== 0) throw new CliError("failed", `gdb ended with exit code ${code}`);
}
