import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ABORT_GRACE_MS, CHILD_KILL_MS, CHILD_LINE_CHARS_MAX, CHILD_OUTPUT_CHARS_MAX } from "../limits.ts";
import { settledWithin } from "../settled.ts";

/**
 * Child processes of the box. Each one is started through `setpriv --pdeathsig`, so that the kernel ends it
 * when this process dies, by kill -9 too. setpriv replaces itself: the pid is the program's own.
 */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run as this user instead of as ourselves; needs root. */
  readonly user?: UnixUser;
  /** Sent by the kernel when we die. */
  readonly deathSignal: "INT" | "TERM" | "KILL";
  /** Each line of stdout and stderr, without its end. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Leave stdin open for writing; otherwise it is empty. */
  readonly input?: boolean;
}

export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly stdin: Writable | null;
  /** Resolves once, when the process has ended and its output was read. */
  readonly exited: Promise<ChildExit>;
  readonly running: () => boolean;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Sends `signal`, waits `graceMs`, then sends SIGKILL. */
  readonly stop: (signal: NodeJS.Signals, graceMs: number) => Promise<ChildExit>;
}

/**
 * Starts a child process.
 * @throws Error where the program cannot be started at all (setpriv is missing).
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const spawned: ChildProcess = spawn("setpriv", [...setprivArgs(options), options.command, ...options.args], {
    cwd: options.cwd,
    env: options.env,
    // A session of its own: a terminal's Ctrl-C is for us alone, and we end our children in order.
    detached: true,
    stdio: [options.input ? "pipe" : "ignore", "pipe", "pipe"],
  });
  const exited = new Promise<ChildExit>((resolve) => {
    spawned.once("close", (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    spawned.once("spawn", resolve);
    spawned.once("error", (cause) => reject(new Error(`cannot start ${options.command}: ${cause.message}`, { cause })));
  });
  const { onLine } = options;
  if (spawned.stdout) readLines(spawned.stdout, (line) => onLine?.(line, "stdout"));
  if (spawned.stderr) readLines(spawned.stderr, (line) => onLine?.(line, "stderr"));
  spawned.stdin?.on("error", () => spawned.stdin?.destroy());
  return childHandle(spawned, exited);
}

function setprivArgs(options: ChildOptions): string[] {
  const { user } = options;
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : [];
  return [`--pdeathsig=${options.deathSignal}`, ...identity, "--"];
}

function childHandle(spawned: ChildProcess, exited: Promise<ChildExit>): Child {
  const running = () => spawned.exitCode === null && spawned.signalCode === null;
  const stop = async (signal: NodeJS.Signals, graceMs: number) => {
    if (running()) spawned.kill(signal);
    if (!(await settledWithin(exited, graceMs))) {
      spawned.kill("SIGKILL");
      // A descendant may hold the pipes open for ever: the exit itself is what counts.
      if (!(await settledWithin(exited, CHILD_KILL_MS))) return { code: spawned.exitCode, signal: spawned.signalCode };
    }
    return exited;
  };
  return {
    pid: spawned.pid ?? -1,
    stdin: spawned.stdin,
    exited,
    running,
    kill: (signal) => {
      if (running()) spawned.kill(signal);
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop("SIGKILL", CHILD_KILL_MS);
    },
  };
}

/** Calls back for each line; a line longer than the limit is cut and its rest dropped. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, CHILD_LINE_CHARS_MAX);
    for (const line of lines) onLine(line.slice(0, CHILD_LINE_CHARS_MAX));
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}

export interface RunOptions extends Omit<ChildOptions, "onLine" | "deathSignal"> {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** How it is ended when `signal` aborts or time is over; SIGKILL follows. Without it, SIGKILL at once. */
  readonly endSignal?: NodeJS.Signals;
  readonly onLine?: ChildOptions["onLine"];
}

export interface RunResult extends ChildExit {
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs a program to its end and gives what it wrote, each stream cut at CHILD_OUTPUT_CHARS_MAX. */
export async function runChild(options: RunOptions): Promise<RunResult> {
  const output = { stdout: "", stderr: "" };
  const child = await startChild({
    ...options,
    deathSignal: "KILL",
    onLine: (line, stream) => {
      if (output[stream].length < CHILD_OUTPUT_CHARS_MAX) output[stream] += `${line}\n`;
      options.onLine?.(line, stream);
    },
  });
  const end = () => child.stop(options.endSignal ?? "SIGKILL", ABORT_GRACE_MS);
  const abort = () => void end();
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted) abort();
  const ended = await settledWithin(child.exited, options.timeoutMs);
  const exit = ended ? await child.exited : await end();
  options.signal?.removeEventListener("abort", abort);
  return { ...exit, ...output, timedOut: !ended };
}
