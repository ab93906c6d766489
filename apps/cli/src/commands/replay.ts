import type { Command } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { debugFiles } from "../api/debug-file.ts";
import { type Context, note, print } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { attachArguments, runGdb } from "../processes/gdb.ts";
import { GdbGate } from "../replay/gdb-gate.ts";
import { fetchRecordedSession } from "../replay/materials.ts";
import { chooseScript, openReplay } from "../replay/open-replay.ts";
import { isMet } from "../setup/requirements.ts";
import { integer } from "./arguments.ts";

const HOST = "127.0.0.1";

interface ReplayOptions {
  readonly event?: number;
  readonly epoch?: number;
  readonly port: number;
  readonly gdb: boolean;
}

/** `ringside replay`: a recorded session in gdb, forward and backward. */
export function addReplay(program: Command, context: Context): void {
  program
    .command("replay")
    .argument("<submission>")
    .summary("run a recorded session again, in gdb, forward and backward")
    .description(
      "Runs a recorded session's machine again on this machine and attaches gdb at any event: " +
        "reverse-stepi, reverse-continue and reverse-finish work.",
    )
    .option("--event <number>", "begin at the stop at or before this event", integer(0, Number.MAX_SAFE_INTEGER))
    .option("--epoch <epoch>", "which of the session's machines, from 1", integer(1, Number.MAX_SAFE_INTEGER))
    .option("--port <port>", "listen for gdb on this port of 127.0.0.1", integer(0, 65_535), 0)
    .option("--no-gdb", "do not start gdb: say how to attach one, until Ctrl-C")
    .addHelpText("after", "\nExamples:\n  ringside replay sub_…\n  ringside replay sub_… --event 120 --no-gdb")
    .action((submission: string, options: ReplayOptions) => replay(context, submission, options));
}

async function replay(context: Context, submission: string, options: ReplayOptions): Promise<void> {
  const { PATH } = context.environment;
  if (options.gdb && !(await isMet({ package: "gdb", probe: "gdb", purpose: "", needed: "run" }, PATH))) {
    throw new CliError("failed", "There is no gdb on this machine: install it (Debian: apt-get install gdb)");
  }
  const api = await loggedInApi(context);
  const session = await fetchRecordedSession(api, submission);
  const script = chooseScript(session, options);
  const files = await debugFiles(context, api, session.opened);
  await using replayed = await openReplay(context, { api, submission, session, script, directions: "both" });
  const event = options.event ?? script.to;
  const icount = await replayed.goToEvent(script.steps, event);
  await using gate = await GdbGate.open(replayed, HOST, options.port).catch((cause) => {
    throw new CliError("failed", `Cannot listen on ${HOST}:${options.port}: ${(cause as Error).message}`, { cause });
  });
  const address = `${HOST}:${gate.port}`;
  const place = { epoch: script.epoch, event, icount, lastIcount: script.steps.at(-1)?.icount ?? 0 };
  if (context.json()) print(context, JSON.stringify({ address, symbols: files.debug, ...place }));
  else note(context, `machine ${place.epoch} at event ${event}: instruction ${icount} of ${place.lastIcount}`);
  if (!options.gdb) {
    if (!context.json()) print(context, `gdb -ex 'target remote ${address}' ${files.debug}`);
    await untilAborted(context.signal);
    return;
  }
  using _held = context.holdInterrupts();
  const { code } = await runGdb(attachArguments(files, address), childEnvironment(context.environment));
  if (code !== 0) throw new CliError("failed", `gdb ended with exit code ${code}`);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
