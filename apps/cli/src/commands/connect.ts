import type { Lab, Session } from "@ringside/shared";
import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { assertConnectable, chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { debugFiles } from "../api/debug-file.ts";
import { type Context, note, print } from "../context.ts";
import { writeGdbVariables } from "../editors/gdb-variables.ts";
import { startConnector } from "../near/connector.ts";
import type { DebugFiles } from "../processes/gdb.ts";
import { cacheFolder } from "../setup/image.ts";
import { integer } from "./arguments.ts";
import { addNearOptions, concludeVerification, type NearOptions, nearSettings } from "./near-options.ts";

export const GDB_PORT = 1_234;
export const GDB_HOST = "127.0.0.1";

interface ConnectOptions extends NearOptions {
  readonly port: number;
  readonly tcp?: boolean;
  readonly symbols: boolean;
}

/** `ringside connect`: a port on this machine for gdb. */
export function addConnect(program: Command, context: Context): void {
  const command = program
    .command("connect")
    .argument("[session]", "default: your one live session")
    .summary("open a port on this machine for your gdb")
    .description(
      "Opens 127.0.0.1:1234 (or the next free port) for your own gdb and carries it to your machine, until Ctrl-C.",
    )
    .option("--port <port>", "the first port to try", integer(0, 65_535), GDB_PORT)
    .option("--tcp", "ask the server for a plain TCP port instead, for one gdb; nothing runs here then")
    .option("--no-symbols", "do not fetch the kernel's symbols");
  addNearOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n  ringside connect\n  ringside connect --port 2345\n  ringside connect --observe\n  ringside connect --tcp",
    )
    .action((given: string | undefined, options: ConnectOptions) => connect(context, given, options));
}

async function connect(context: Context, given: string | undefined, options: ConnectOptions): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  assertConnectable(session);
  if (session.state === "hibernated") {
    note(context, `The session ${session.id} is hibernated: gdb waits a moment while connecting wakes its machine.`);
  }
  // On a long line, what does not wait for each other goes at once.
  const files = options.symbols ? debugFiles(context, api, session) : Promise.resolve(undefined);
  const steps = () => firstSteps(api, session);
  files.catch(() => undefined);
  if (options.tcp) await tellEntry(context, { api, session, files, steps });
  else await listen(context, { api, session, files, steps }, options);
}

/** A port of the server's, in place of one here. */
async function tellEntry(context: Context, prepared: Prepared): Promise<void> {
  const { api, session } = prepared;
  const [files, steps] = await Promise.all([prepared.files, prepared.steps()]);
  const variables = await writeGdbVariables(cacheFolder(context), session, files);
  const entry = await api.tcpEntry(session.id);
  if (context.json()) {
    print(context, JSON.stringify({ session: session.id, ...entry, ...pathsOf(files, variables) }));
    return;
  }
  print(context, instructions(`${entry.host}:${entry.port}`, files, variables, steps));
  print(context, `The port takes one gdb, from this machine's address, until ${entry.expiresAt}.`);
}

interface Prepared {
  readonly api: Api;
  readonly session: Session;
  readonly files: Promise<DebugFiles | undefined>;
  readonly steps: () => Promise<Lab["firstSteps"]>;
}

/** For programs that start gdb. */
const pathsOf = (files: DebugFiles | undefined, variables: string | undefined) => ({
  symbols: files?.debug ?? null,
  sources: files?.sources ?? null,
  programs: files?.programs ?? {},
  variables: variables ?? null,
});

async function listen(context: Context, prepared: Prepared, options: ConnectOptions): Promise<void> {
  const { api, session } = prepared;
  const debug = prepared.files.then((files) => files?.debug);
  debug.catch(() => undefined);
  const event = (what: string, details: object) => print(context, JSON.stringify({ event: what, ...details }));
  const say = (line: string) => (context.json() ? event("said", { line }) : note(context, line));
  const settings = nearSettings(context, options, say);
  {
    const starting = startConnector({
      api,
      session: session.id,
      host: GDB_HOST,
      port: options.port,
      ...settings,
      debug,
      signal: context.signal,
      say,
      onEvent: ({ what, connection, words }) => {
        if (context.json()) event(what, { connection, words: words ?? null });
        else note(context, `gdb ${connection} ${what}${words === undefined ? "" : `: ${words}`}`);
      },
    });
    // The link's ticket has the open connection to the server: it is what takes longest.
    const steps = prepared.steps();
    steps.catch(() => undefined);
    await using connector = await starting;
    const [files, firstOnes] = await Promise.all([prepared.files, steps]);
    const variables = await writeGdbVariables(cacheFolder(context), session, files);
    const { port, roundTripMs } = connector;
    if (context.json()) {
      event("listening", { session: session.id, host: GDB_HOST, port, ...pathsOf(files, variables) });
    } else {
      print(context, instructions(`${GDB_HOST}:${port}`, files, variables, firstOnes));
      print(context, "Leave this running; Ctrl-C ends it. gdb may detach and come again.");
    }
    const ms = await roundTripMs();
    if (context.json()) event("measured", { roundTripMs: ms });
    else if (ms !== null) print(context, `To the machine's host and back: ${ms.toFixed(1)} ms.`);
    await new Promise<void>((resolve) => {
      context.signal.addEventListener("abort", () => resolve(), { once: true });
      if (context.signal.aborted) resolve();
    });
  }
  concludeVerification(settings.verification, say);
}

async function firstSteps(api: Api, session: Session): Promise<Lab["firstSteps"]> {
  const labs = await api.labs(session.course);
  return labs.find((lab) => lab.lab === session.lab)?.firstSteps ?? { gdb: [], console: [] };
}

/** Source files come from the server as gdb shows them. */
const debuginfodSteps = (url: string): string[] => [
  `  (gdb) set debuginfod urls ${url}`,
  "  (gdb) set debuginfod enabled on",
];

/** What to type into gdb, to the letter. */
function instructions(
  address: string,
  files: DebugFiles | undefined,
  variables: string | undefined,
  steps: Lab["firstSteps"],
): string {
  const lines = [
    "In another terminal:",
    `  gdb -q${files === undefined ? "" : ` ${files.debug}`}`,
    ...(files?.sources === undefined ? [] : [`  (gdb) directory ${files.sources}`]),
    ...(files?.debuginfod === undefined ? [] : debuginfodSteps(files.debuginfod)),
    ...(variables === undefined ? [] : [`  (gdb) source ${variables}`]),
    "  (gdb) set remotetimeout 30",
    `  (gdb) target remote ${address}`,
    ...steps.gdb.map((step) => `  (gdb) ${step}`),
  ];
  const programs = Object.values(files?.programs ?? {});
  if (programs.length > 0) {
    lines.push("For a breakpoint in one of the lab's programs, first:");
    lines.push(...programs.map((path) => `  (gdb) add-symbol-file ${path}`));
  }
  if (steps.console.length > 0) {
    lines.push("At the console (`ringside console`):", ...steps.console.map((step) => `  ${step}`));
  }
  return lines.join("\n");
}
