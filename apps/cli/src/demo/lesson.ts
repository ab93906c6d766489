import type { Parameters, Session, Submission } from "@ringside/shared";
import { CliError } from "../exit-codes.ts";
import { API_WAIT_MS, DEMO_STEP_MS } from "../limits.ts";
import { ConsoleClient } from "../near/console-client.ts";
import type { DebugFiles } from "../processes/gdb.ts";
import { startNearAgent } from "../processes/near-agent.ts";
import { Debugger, type SeenStop } from "./debugger.ts";
import type { Rendezvous } from "./rendezvous.ts";
import type { Provisioned, Student } from "./students.ts";

const PROMPT = "MenuOS>>";
/** The menu's command that calls socket, bind and listen. */
const REPLYHI = "replyhi";
const SERVES = "Please input hello";
const TO_LISTEN = ["break sys_listen", "continue"];
const LOOK_AROUND = ["bt 8", "info args", "info registers rip", "delete breakpoints", "detach"];

export interface LessonOptions {
  readonly repoRoot: string;
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
  readonly files: DebugFiles;
  readonly signal: AbortSignal;
  /** All machines run with their breakpoints in; then all stand in listen at the same time. */
  readonly allRunning: Rendezvous;
  readonly allStopped: Rendezvous;
  readonly onLine: (student: Student, line: string) => void;
}

export interface LessonResult {
  readonly student: Student;
  readonly session: string;
  readonly parameters: Parameters;
  readonly readyMs: number;
  readonly startMs: number | null;
  /** Whence its machine came: the pool, a clone made for it, or a boot. */
  readonly how: Session["how"];
  /** What gdb showed of the stop; undefined where it never stopped in listen. */
  readonly stop: SeenStop | undefined;
  /** From `replyhi` being typed to gdb showing the stop. */
  readonly stopMs: number | undefined;
}

/** One student's lesson: attach gdb and, if that is the goal, break in listen, type replyhi, look, detach. */
export async function attend(options: LessonOptions, provisioned: Provisioned): Promise<LessonResult> {
  const { student, session, readyMs } = provisioned;
  await using stack = new AsyncDisposableStack();
  const gdb = stack.use(
    await Debugger.start({
      name: student.name,
      address: await reach(options, provisioned, stack),
      files: options.files,
      env: options.env,
      commands: student.goal === "listen" ? TO_LISTEN : [],
      signal: options.signal,
      onLine: (line) => options.onLine(student, line),
    }),
  );
  const { id, parameters, startMs, how } = session;
  const result = { student, session: id, parameters, readyMs, startMs, how };
  if (student.goal === "attach") {
    await gdb.finish(["info registers rip", "detach"], DEMO_STEP_MS);
    return { ...result, stop: undefined, stopMs: undefined };
  }
  const console = stack.use(await ConsoleClient.open(student.api, session.id, options.signal));
  await gdb.continues(DEMO_STEP_MS);
  await options.allRunning.arrive(options.signal);
  const typedAt = performance.now();
  console.send(`${REPLYHI}\n`);
  const stop = await gdb.stopped(DEMO_STEP_MS);
  const stopMs = performance.now() - typedAt;
  await options.allStopped.arrive(options.signal);
  await gdb.finish(LOOK_AROUND, DEMO_STEP_MS);
  // Detached, the guest goes on: its service asks for a client, and the menu is back.
  await console.expect(SERVES, DEMO_STEP_MS);
  await console.expect(PROMPT, DEMO_STEP_MS);
  return { ...result, stop, stopMs };
}

/** The address that gdb is to be pointed at: a plain TCP port of the cell, or a near agent's on this machine. */
async function reach(
  options: LessonOptions,
  { student, session }: Provisioned,
  stack: AsyncDisposableStack,
): Promise<string> {
  if (student.way === "tcp") {
    const entry = await student.api.tcpEntry(session.id);
    return `${entry.host}:${entry.port}`;
  }
  const agent = await startNearAgent({
    repoRoot: options.repoRoot,
    env: options.env,
    url: options.url,
    token: student.token,
    session: session.id,
    timeoutMs: DEMO_STEP_MS,
  });
  return stack.use(agent).address;
}

/** Hands a session in and waits for its grade. */
export async function handIn(student: Student, session: string): Promise<Submission> {
  const { id } = await student.api.submit(session);
  for (const deadline = Date.now() + DEMO_STEP_MS; Date.now() < deadline; ) {
    const submission = await student.api.submission(id, API_WAIT_MS);
    if (submission.grade !== null) return submission;
  }
  throw new CliError("failed", `${student.name}'s submission ${id} was not graded in time`);
}
