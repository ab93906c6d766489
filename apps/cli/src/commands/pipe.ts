import { Duplex } from "node:stream";
import type { Command } from "commander";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { debugFiles } from "../api/debug-file.ts";
import { type Context, note } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { Way } from "../near/way.ts";
import { addNearOptions, concludeVerification, type NearOptions, nearSettings } from "./near-options.ts";

interface PipeOptions extends NearOptions {
  readonly symbols: boolean;
}

/** `ringside pipe`: the stub of a machine on stdin and stdout, for a gdb that starts this program itself. */
export function addPipe(program: Command, context: Context): void {
  const command = program
    .command("pipe")
    .argument("[session]", "default: your one live session")
    .summary("your machine as a pipe of your gdb")
    .description("Carries gdb's protocol on stdin and stdout: gdb starts it by itself, and no port is opened.")
    .option("--no-symbols", "do not fetch the kernel's symbols");
  addNearOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n  gdb -ex 'set remotetimeout 30' -ex 'target remote | ringside pipe'\n" +
        "  (gdb) target remote | ringside pipe ses_0123456789abcdefghij",
    )
    .action((given: string | undefined, options: PipeOptions) => pipe(context, given, options));
}

async function pipe(context: Context, given: string | undefined, options: PipeOptions): Promise<void> {
  // gdb's Ctrl-C goes to its whole process group; what it wants of us comes as a byte.
  using _held = context.holdInterrupts();
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  const say = (line: string) => note(context, `ringside: ${line}`);
  const settings = nearSettings(context, options, say);
  const debug = options.symbols ? (await debugFiles(context, api, session)).debug : undefined;
  await using way = new Way({ api, session: session.id, ...settings, debug, signal: context.signal, say });
  const stream = Duplex.from({ readable: context.stdin, writable: context.stdout });
  const words = await way.carry(stream, () => undefined);
  concludeVerification(settings.verification, say);
  if (words !== undefined) throw new CliError("failed", words);
}
