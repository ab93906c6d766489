import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { repoRoot } from "./repo-root.ts";

/** The ringside command as a user runs it: the launcher in the root, a process of its own. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Everything it has printed so far, both streams. */
  readonly output: () => string;
  readonly finished: Promise<Finished>;
}

const OUTPUT_CHARS_MAX = 4_000_000;

/** Starts `./ringside …`; the caller waits for it or ends it. */
export function startRingside(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(path.join(repoRoot, "ringside"), args, {
    cwd: repoRoot,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] = (texts[name] + text).slice(-OUTPUT_CHARS_MAX);
    });
  }
  const finished = once(child, "close").then(([code]) => ({ code: code as number | null, ...texts }));
  return { child, output: () => texts.stdout + texts.stderr, finished };
}

/** Runs `./ringside …` to its end. */
export function ringside(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return startRingside(args, env).finished;
}

/** Runs it and gives what it printed as JSON. @throws Error with its words where it fails */
export async function ringsideJson(args: readonly string[], env: Readonly<Record<string, string>>): Promise<unknown> {
  const { code, stdout, stderr } = await ringside(["--json", ...args], env);
  if (code !== 0) throw new Error(`ringside ${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
