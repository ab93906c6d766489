/**
 * The only place in this package that starts processes. A recipe runs in its own process group, so
 * that stopping it stops its compilers too; its lines `progress <percent> <text>` are handed on,
 * everything else it says goes to a log.
 */
import { execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { setPriority } from "node:os";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { promisify } from "node:util";
import {
  LOG_TAIL_BYTES,
  LOG_TAIL_LINES,
  NICENESS_MAX,
  RECIPE_STOP_GRACE_MS,
  TOOL_VERSION_TIMEOUT_MS,
} from "./limits.ts";

export interface Progress {
  /** 0 to 100 */
  readonly percent: number;
  readonly text: string;
}

export interface RecipeRun {
  readonly command: string;
  readonly args: readonly string[];
  /** Appended to. */
  readonly logFile: string;
  /** `low`: it and its children run when nobody else wants the processor. */
  readonly priority: RecipePriority;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export type RecipePriority = "usual" | "low";

/** A recipe ended with an error: `tail` holds the last lines of its log. */
export class RecipeError extends Error {
  override readonly name = "RecipeError";
  readonly tail: string;

  constructor(message: string, tail: string) {
    super(message);
    this.tail = tail;
  }
}

const PROGRESS = /^progress (\d{1,3}) (.*)$/;

async function logTail(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const length = Math.min(size, LOG_TAIL_BYTES);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString("utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended by itself.
  }
}

function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, NICENESS_MAX);
  } catch {
    // The recipe has ended already.
  }
}

/** Runs a recipe to its end; rejects with the signal's reason, or with a `RecipeError`. */
export async function runRecipe(run: RecipeRun): Promise<void> {
  run.signal.throwIfAborted();
  const log = createWriteStream(run.logFile, { flags: "a" });
  const child = spawn(run.command, run.args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  if (run.priority === "low") lowerPriority(child.pid);
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    const { pid } = child;
    if (pid === undefined) return;
    killGroup(pid, "SIGTERM");
    killer = setTimeout(() => killGroup(pid, "SIGKILL"), RECIPE_STOP_GRACE_MS);
  };
  run.signal.addEventListener("abort", stop, { once: true });
  // A full disk: the recipe would block on a log that nobody takes.
  const logged = finished(log).then(
    () => null,
    (error: unknown) => {
      stop();
      return error;
    },
  );
  child.stderr.pipe(log, { end: false });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const match = PROGRESS.exec(line);
    if (match) run.onProgress({ percent: Math.min(100, Number(match[1])), text: match[2] ?? "" });
    else log.write(`${line}\n`);
  });
  const end = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : code === 0 ? "" : `ended with ${code}`),
    );
  });
  run.signal.removeEventListener("abort", stop);
  clearTimeout(killer);
  log.end();
  const logError = await logged;
  run.signal.throwIfAborted();
  if (logError !== null) throw logError;
  if (end) throw new RecipeError(`${run.command} ${end}`, await logTail(run.logFile));
}

/** First line of `tool --version`, or null where the tool is not installed. */
export async function toolVersion(tool: string, signal: AbortSignal): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(tool, ["--version"], { signal, timeout: TOOL_VERSION_TIMEOUT_MS });
    return stdout.split("\n")[0] ?? "";
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
