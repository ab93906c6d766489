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
import { addNearOptions, concludeVerification, type NearOptions, nearSettings } from "./near-options.ts";

/** `ringside gdb`: your gdb, attached, with the kernel's symbols. */
export function addGdb(program: Command, context: Context): void {
  const command = program
    .command("gdb")
    .argument("[session]", "default: your one live session")
    .argument("[gdb-args...]", "after --, given to gdb")
    .summary("your gdb, attached to your machine")
    .description("Starts the gdb of this machine with the kernel's symbols, attached to your machine.");
  addNearOptions(command)
    .addHelpText("after", "\nExamples:\n  ringside gdb\n  ringside gdb -- -ex 'break sys_listen' -ex continue")
    .action((given: string | undefined, rest: string[], options: NearOptions) => {
      // `ringside gdb -- -ex …`: without a session, the first of gdb's own arguments takes its place.
      const own = given?.startsWith("ses_") === true || command.args.length === 0;
      return gdb(context, own ? given : undefined, own || given === undefined ? rest : [given, ...rest], options);
    });
}

async function gdb(
  context: Context,
  given: string | undefined,
  gdbArguments: readonly string[],
  options: NearOptions,
): Promise<void> {
  const { PATH } = context.environment;
  if (!(await isMet({ package: "gdb", probe: "gdb", purpose: "", needed: "run" }, PATH))) {
    throw new CliError("failed", "There is no gdb on this machine: install it (Debian: apt-get install gdb)");
  }
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  const files = await debugFiles(context, api, session);
  await wake(context, api, session);
  const say = (line: string) => note(context, `ringside: ${line}`);
  const settings = nearSettings(context, options, say);
  let code: number | null;
  {
    await using connector = await startConnector({
      api,
      session: session.id,
      host: "127.0.0.1",
      port: 0,
      ...settings,
      debug: files.debug,
      signal: context.signal,
      say,
      onEvent: ({ what, words }) => {
        if (words !== undefined) say(`${what}: ${words}`);
      },
    });
    using _held = context.holdInterrupts();
    const args = [...attachArguments(files, `127.0.0.1:${connector.port}`, session.parameters), ...gdbArguments];
    ({ code } = await runGdb(args, childEnvironment(context.environment)));
  }
  concludeVerification(settings.verification, say);
  if (code !== 0) throw new CliError("failed", `gdb ended with exit code ${code}`);
}
