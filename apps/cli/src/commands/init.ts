import { join, resolve } from "node:path";
import type { Command } from "commander";
import { chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { debugFiles } from "../api/debug-file.ts";
import { type Context, printResult } from "../context.ts";
import { gdbinit } from "../editors/gdbinit.ts";
import { type Outcome, type OwnedFile, writeOwned } from "../editors/owned-file.ts";
import { launchConfiguration, launchFile } from "../editors/vscode.ts";
import { integer } from "./arguments.ts";
import { GDB_HOST, GDB_PORT } from "./connect.ts";

interface InitOptions {
  readonly folder: string;
  readonly port: number;
}

interface Written {
  readonly path: string;
  readonly what: Outcome;
  /** What to add by hand, where the file was left alone. */
  readonly add: string | null;
}

/** `ringside init`: settings for gdb and VS Code in the current folder. */
export function addInit(program: Command, context: Context): void {
  program
    .command("init")
    .argument("[session]", "default: your one live session; its kernel is what the settings are for")
    .summary("settings for gdb and VS Code in this folder")
    .description(
      "Writes .gdbinit and .vscode/launch.json, so that gdb and VS Code attach to your machine through\n" +
        "`ringside connect`. A file that somebody else wrote is left alone: what to add to it is shown.",
    )
    .option("--folder <folder>", "where to write", ".")
    .option("--port <port>", "where `ringside connect` listens", integer(1, 65_535), GDB_PORT)
    .addHelpText("after", "\nExamples:\n  ringside init\n  ringside init --folder ~/lab --port 2345")
    .action((given: string | undefined, options: InitOptions) => init(context, given, options));
}

async function init(context: Context, given: string | undefined, { folder, port }: InitOptions): Promise<void> {
  const api = await loggedInApi(context);
  const session = await chooseSession(api, given);
  const files = await debugFiles(context, api, session);
  const address = `${GDB_HOST}:${port}`;
  const place = resolve(folder);
  const gdbText = gdbinit(files, address, session.parameters);
  const configuration = JSON.stringify(launchConfiguration(files, address), null, 2);
  const written = [
    await write({ path: join(place, ".gdbinit"), comment: "#", text: gdbText }, gdbText),
    await write(
      { path: join(place, ".vscode", "launch.json"), comment: "//", text: launchFile(files, address) },
      configuration,
    ),
  ];
  const allow = `add-auto-load-safe-path ${join(place, ".gdbinit")}`;
  printResult(context, { files: written, allow }, () => words(written, place, allow));
}

async function write(file: OwnedFile, add: string): Promise<Written> {
  const what = await writeOwned(file);
  return { path: file.path, what, add: what === "left alone" ? add : null };
}

function words(written: readonly Written[], place: string, allow: string): string {
  const lines = written.flatMap(({ path, what, add }) =>
    add === null ? [`${path}: ${what}`] : [`${path}: left alone, as it is not from here. Add to it:`, "", add],
  );
  return [
    ...lines,
    "",
    "gdb reads a folder's .gdbinit only where it is allowed to. Allow this one, once:",
    "  mkdir -p ~/.config/gdb",
    `  echo '${allow}' >> ~/.config/gdb/gdbinit`,
    `or start it with: gdb -x ${join(place, ".gdbinit")}`,
    "Then, with `ringside connect` in another terminal: gdb, and in it the command ringside.",
    "In VS Code, with the C/C++ extension: Run > Start Debugging.",
  ].join("\n");
}
