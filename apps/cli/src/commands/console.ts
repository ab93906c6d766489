import { Duplex } from "node:stream";
import type { Command } from "commander";
import { wake } from "../api/await-machine.ts";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, note } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { CONSOLE_LINGER_MS } from "../limits.ts";
import { bridge } from "../near/bridge.ts";
import { ConsoleClient } from "../near/console-client.ts";
import { openWebSocket } from "../near/websocket.ts";
import { integer } from "./arguments.ts";

/** Ctrl-], as in telnet. */
const LEAVE_BYTE = 0x1d;
const TIMEOUT_SECONDS = 30;

interface ConsoleOptions {
  readonly send?: string;
  readonly expect?: string;
  readonly timeout: number;
}

/** `ringside console`: the machine's serial console. */
export function addConsole(program: Command, context: Context): void {
  program
    .command("console")
    .argument("[session]", "default: your one live session")
    .summary("type at your machine's console")
    .description(
      "Connects this terminal to the console of your machine; Ctrl-] leaves. In a pipe: bytes in, bytes out.",
    )
    .option("--send <text>", "for scripts: type this line, then go on with --expect or end")
    .option("--expect <text>", "for scripts: wait until the console shows this text, then end")
    .option("--timeout <seconds>", "how long --expect waits", integer(1, 3_600), TIMEOUT_SECONDS)
    .addHelpText(
      "after",
      "\nExamples:\n  ringside console\n  ringside console --send replyhi --expect 'Please input hello'",
    )
    .action((given: string | undefined, options: ConsoleOptions) => run(context, given, options));
}

async function run(context: Context, given: string | undefined, options: ConsoleOptions): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  await wake(context, api, session);
  if (options.send !== undefined || options.expect !== undefined) {
    await using client = await ConsoleClient.open(api, session.id, context.signal, (text) =>
      context.stdout.write(Buffer.from(text, "latin1")),
    );
    if (options.send !== undefined && options.expect !== undefined) await client.settle();
    if (options.send !== undefined) client.send(`${options.send}\n`);
    if (options.expect !== undefined) await client.expect(options.expect, options.timeout * 1_000);
    return;
  }
  const remote = await openWebSocket(await api.ticket(session.id, "console"), context.signal);
  const interactive = context.stdin.isTTY === true;
  if (interactive) note(context, `Console of ${session.id}. Ctrl-] leaves.\r`);
  using _raw = rawMode(context, interactive);
  const end = await bridge({ local: terminal(context, interactive), remote, signal: context.signal });
  if (interactive) note(context, "\r");
  if (end.words !== undefined) throw new CliError("failed", end.words);
}

function rawMode(context: Context, on: boolean): Disposable {
  if (on) context.stdin.setRawMode?.(true);
  return {
    [Symbol.dispose]: () => {
      if (on) context.stdin.setRawMode?.(false);
      context.stdin.pause();
    },
  };
}

/** The terminal as one stream: reads stdin up to Ctrl-], writes stdout. */
function terminal(context: Context, interactive: boolean): Duplex {
  const { stdin, stdout } = context;
  let linger: NodeJS.Timeout | undefined;
  const duplex = new Duplex({
    read: () => stdin.resume(),
    write: (chunk, _encoding, done) => {
      linger?.refresh();
      stdout.write(chunk, () => done());
    },
    destroy: (error, done) => {
      clearTimeout(linger);
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.pause();
      done(error);
    },
  });
  const onData = (chunk: Buffer) => {
    const leave = interactive ? chunk.indexOf(LEAVE_BYTE) : -1;
    const kept = leave >= 0 ? chunk.subarray(0, leave) : chunk;
    if (kept.length > 0 && !duplex.push(kept)) stdin.pause();
    if (leave >= 0) duplex.push(null);
  };
  // The answer to a piped stdin's last line is still to come.
  const onEnd = () => {
    linger = setTimeout(() => duplex.push(null), CONSOLE_LINGER_MS);
  };
  stdin.on("data", onData);
  stdin.on("end", onEnd);
  return duplex;
}
