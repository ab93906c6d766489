import type { Lab, Session } from "@ringside/shared";
import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { debugFiles } from "../api/debug-file.ts";
import { type Context, note, print } from "../context.ts";
import { startConnector } from "../near/connector.ts";
import type { DebugFiles } from "../processes/gdb.ts";
import { integer } from "./arguments.ts";

const GDB_PORT = 1_234;
const HOST = "127.0.0.1";

interface ConnectOptions {
  readonly port: number;
  readonly tcp?: boolean;
  readonly symbols: boolean;
}

/** `ringside connect`: a port on this machine for gdb. */
export function addConnect(program: Command, context: Context): void {
  program
    .command("connect")
    .argument("[session]", "default: your one live session")
    .summary("open a port on this machine for your gdb")
    .description(
      "Opens 127.0.0.1:1234 (or the next free port) for your own gdb and carries it to your machine, until Ctrl-C.",
    )
    .option("--port <port>", "the first port to try", integer(0, 65_535), GDB_PORT)
    .option("--tcp", "ask the server for a plain TCP port instead, for one gdb; nothing runs here then")
    .option("--no-symbols", "do not fetch the kernel's symbols")
    .addHelpText("after", "\nExamples:\n  ringside connect\n  ringside connect --port 2345\n  ringside connect --tcp")
    .action((given: string | undefined, options: ConnectOptions) => connect(context, given, options));
}

async function connect(context: Context, given: string | undefined, options: ConnectOptions): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  if (session.state === "hibernated") {
    note(context, `The session ${session.id} is hibernated: gdb waits a moment while connecting wakes its machine.`);
  }
  const files = options.symbols ? await debugFiles(context, api, session) : undefined;
  const steps = await firstSteps(api, session);
  if (options.tcp) {
    const entry = await api.tcpEntry(session.id);
    if (context.json()) {
      print(
        context,
        JSON.stringify({
          session: session.id,
          ...entry,
          symbols: files?.debug ?? null,
          sources: files?.sources ?? null,
        }),
      );
      return;
    }
    print(context, instructions(`${entry.host}:${entry.port}`, files, steps));
    print(context, `The port takes one gdb, from this machine's address, until ${entry.expiresAt}.`);
    return;
  }
  await using connector = await startConnector({
    api,
    session: session.id,
    host: HOST,
    port: options.port,
    signal: context.signal,
    onEvent: ({ what, connection, words }) => {
      if (context.json()) print(context, JSON.stringify({ event: what, connection, words: words ?? null }));
      else note(context, `gdb ${connection} ${what}${words === undefined ? "" : `: ${words}`}`);
    },
  });
  const address = `${HOST}:${connector.port}`;
  if (context.json()) {
    const ready = {
      event: "listening",
      session: session.id,
      host: HOST,
      port: connector.port,
      symbols: files?.debug ?? null,
      sources: files?.sources ?? null,
    };
    print(context, JSON.stringify(ready));
  } else {
    print(context, instructions(address, files, steps));
    print(context, "Leave this running; Ctrl-C ends it. gdb may detach and come again.");
  }
  await new Promise<void>((resolve) => {
    context.signal.addEventListener("abort", () => resolve(), { once: true });
    if (context.signal.aborted) resolve();
  });
}

async function firstSteps(api: Api, session: Session): Promise<Lab["firstSteps"]> {
  const labs = await api.labs(session.course);
  return labs.find((lab) => lab.lab === session.lab)?.firstSteps ?? { gdb: [], console: [] };
}

/** What to type into gdb, to the letter. */
function instructions(address: string, files: DebugFiles | undefined, steps: Lab["firstSteps"]): string {
  const lines = [
    "In another terminal:",
    `  gdb -q${files === undefined ? "" : ` ${files.debug}`}`,
    ...(files?.sources === undefined ? [] : [`  (gdb) directory ${files.sources}`]),
    "  (gdb) set remotetimeout 30",
    `  (gdb) target remote ${address}`,
    ...steps.gdb.map((step) => `  (gdb) ${step}`),
  ];
  if (steps.console.length > 0) {
    lines.push("At the console (`ringside console`):", ...steps.console.map((step) => `  ${step}`));
  }
  return lines.join("\n");
}
