import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Session, Submission } from "@ringside/shared";
import { type Api, waitForSession } from "../api/calls.ts";
import { CliError } from "../exit-codes.ts";
import { API_WAIT_MS, LAB_GRADE_MS, LAB_SCRIPT_MS } from "../limits.ts";
import { runChild } from "../processes/child.ts";
import { attachArguments, type DebugFiles } from "../processes/gdb.ts";
import { startNearAgent } from "../processes/near-agent.ts";

/** A lab's model solution, in its folder. */
export const REFERENCE_SCRIPT = "reference.gdb";

export interface LabRunOptions {
  readonly repoRoot: string;
  /** The student whose session it is, enrolled in the course. */
  readonly api: Api;
  readonly token: string;
  readonly course: string;
  readonly lab: string;
  /** The debug files of the session's image. */
  readonly files: (session: Session) => Promise<DebugFiles>;
  /** gdb's commands, as in `reference.gdb`; gdb is attached already. */
  readonly script: string;
  /** How gdb reaches the machine: the cell's plain TCP entry, or a `ringside connect` of its own. */
  readonly way: "tcp" | "near";
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Each line that gdb prints. */
  readonly onLine?: (line: string) => void;
}

export interface LabRun {
  readonly session: Session;
  /** What gdb printed, both streams. */
  readonly output: string;
  /** gdb's exit code: not 0 where the script's last command failed. */
  readonly code: number | null;
  readonly submission: Submission;
  readonly grade: NonNullable<Submission["grade"]>;
}

/** The script of a lab's model solution. */
export function referenceScript(labsFolder: string, lab: string): Promise<string> {
  return readFile(join(labsFolder, lab, REFERENCE_SCRIPT), "utf8");
}

/**
 * Does a lab as a student would whose gdb follows a script: starts a session, attaches, runs the script to its end,
 * hands in, and waits for the grade.
 * @throws CliError where the session does not get ready, gdb takes longer than LAB_SCRIPT_MS, or no grade comes
 */
export async function runLabScript(options: LabRunOptions): Promise<LabRun> {
  const { api, course, lab } = options;
  const requested = await api.startSession(lab, course, randomUUID());
  const session = await waitForSession(api, requested.id, () => undefined);
  if (session.state !== "ready") {
    throw new CliError("failed", `The session of ${lab} is ${session.state}: ${session.message ?? session.reason}`);
  }
  const { output, code } = await debug(options, session);
  const submission = await handIn(api, session.id);
  const { grade } = submission;
  if (grade === null) throw new CliError("failed", `The submission ${submission.id} of ${lab} was not graded in time`);
  return { session, output, code, submission, grade };
}

async function debug(options: LabRunOptions, session: Session): Promise<Pick<LabRun, "output" | "code">> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "rs-lab-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const script = join(folder, REFERENCE_SCRIPT);
  await writeFile(script, options.script);
  const address = await reach(options, session, stack);
  let output = "";
  const { code, timedOut } = await runChild({
    command: "gdb",
    args: [
      ...["-nx", "-batch", "-iex", "set width 0"],
      ...attachArguments(await options.files(session), address, session.parameters),
      ...["-x", script],
    ],
    env: options.env,
    timeoutMs: LAB_SCRIPT_MS,
    signal: options.signal,
    onLine: (line) => {
      output += `${line}\n`;
      options.onLine?.(line);
    },
  });
  options.signal.throwIfAborted();
  if (!timedOut) return { output, code };
  const end = output.split("\n").slice(-20).join("\n");
  throw new CliError("failed", `gdb did not come to the end of ${options.lab}'s script:\n${end}`);
}

async function reach(options: LabRunOptions, session: Session, stack: AsyncDisposableStack): Promise<string> {
  const { api, way, repoRoot, env, token } = options;
  if (way === "tcp") {
    const { host, port } = await api.tcpEntry(session.id);
    return `${host}:${port}`;
  }
  const { url } = api.options;
  const agent = await startNearAgent({ repoRoot, env, url, token, session: session.id, timeoutMs: LAB_SCRIPT_MS });
  return stack.use(agent).address;
}

async function handIn(api: Api, session: string): Promise<Submission> {
  let submission = await api.submit(session);
  const until = Date.now() + LAB_GRADE_MS;
  while (submission.grade === null && Date.now() < until) {
    submission = await api.submission(submission.id, API_WAIT_MS);
  }
  return submission;
}
