import { fileURLToPath } from "node:url";
import { RingsideError } from "@ringside/shared";
import { CommanderError } from "commander";
import { z } from "zod";
import { environmentSchema } from "./environment.ts";
import { CliError, EXITS, type Exit, exitForCode } from "./exit-codes.ts";
import { createProgram } from "./program.ts";

const interrupt = new AbortController();
const hurryCallbacks = new Set<() => void>();
let interruptsHeld = 0;
/** A service manager's SIGTERM is an order, not an interruption: a command that then ends well has succeeded. */
let ordered = false;

function onSignal(name: NodeJS.Signals): void {
  if (name === "SIGINT" && interruptsHeld > 0) return;
  ordered = name === "SIGTERM";
  if (!interrupt.signal.aborted) interrupt.abort(new CliError("interrupted", "interrupted"));
  else for (const callback of hurryCallbacks) callback();
}

/** The exit code for whatever a command threw; says it on stderr. */
function report(error: unknown, options: { readonly debug: boolean; readonly json: boolean }): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXITS.ok.code : EXITS.usage.code;
  if (interrupt.signal.aborted) return EXITS.interrupted.code;
  const message = error instanceof Error ? error.message : String(error);
  const exit = exitOf(error);
  const code = error instanceof CliError || error instanceof RingsideError ? (error.code ?? null) : null;
  // A command that has said everything itself throws without words.
  const words = options.json ? JSON.stringify({ error: { exit, code, message } }) : `ringside: ${message}`;
  if (message !== "") process.stderr.write(`${words}\n`);
  if (options.debug) console.error(error);
  return EXITS[exit].code;
}

function exitOf(error: unknown): Exit {
  if (error instanceof CliError) return error.exit;
  return error instanceof RingsideError ? exitForCode(error.code) : "failed";
}

async function main(): Promise<number> {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  // A reader that goes away (`ringside labs | head`) is no error.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const environment = environmentSchema.safeParse(process.env);
  if (!environment.success) {
    const names = environment.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    process.stderr.write(`ringside: the environment is not valid. ${names.join("; ")}\n`);
    return EXITS.usage.code;
  }
  const program = createProgram({
    environment: environment.data,
    inherited: z.record(z.string(), z.string()).parse({ ...process.env }),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupt.signal,
    onHurry: (callback) => hurryCallbacks.add(callback),
    holdInterrupts: () => {
      interruptsHeld++;
      return {
        [Symbol.dispose]: () => {
          interruptsHeld--;
        },
      };
    },
    repoRoot: fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, ""),
    isRoot: process.getuid?.() === 0,
  });
  try {
    await program.parseAsync(process.argv);
    return interrupt.signal.aborted && !ordered ? EXITS.interrupted.code : EXITS.ok.code;
  } catch (error) {
    const { json } = program.opts<{ json?: boolean }>();
    return report(error, { debug: environment.data.RINGSIDE_DEBUG !== undefined, json: json === true });
  }
}

process.exitCode = await main();
// Whatever a library still holds open must not keep a finished command alive; stdout was written by then.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
process.exit();
