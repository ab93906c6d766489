import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { localDebugFiles } from "../../api/debug-file.ts";
import { childEnvironment } from "../../environment.ts";
import { BENCH_STEP_MS } from "../../limits.ts";
import { type Action, actionsAt, manyMisses } from "./actions.ts";
import type { BenchConsole } from "./direct-machine.ts";
import { openWay, type Path, SETTINGS, type WayOptions } from "./path.ts";
import { type GdbText, ScriptedGdb } from "./scripted-gdb.ts";

/** What one action cost and printed. */
export interface Done {
  readonly name: string;
  readonly turns: number;
  readonly ms: number;
  readonly text: GdbText;
}

export interface StudentSession {
  readonly actions: readonly Done[];
  /** Beside the session's own: a condition with many misses; null where it was left out. */
  readonly manyMisses: Done | null;
  /** What was spoken over the line. */
  readonly spoken: string;
}

/** A template's guest needs a moment to come back to its idle loop. */
const SETTLE_MS = 500;

/** gdb's arguments for a scripted run: the image's symbols and sources, no pages, no questions, patience. */
export async function gdbArguments({ context, place }: WayOptions, settings: readonly string[]): Promise<string[]> {
  const { debug, sources } = await localDebugFiles(context, place.image);
  const first = ["set auto-load no", "set confirm off", "set pagination off", "set height 0", "set remotetimeout 30"];
  const all = [...first, ...(sources === undefined ? [] : [`directory ${sources}`]), ...settings];
  return ["-q", ...all.flatMap((command) => ["-iex", command]), debug];
}

/**
 * Runs all actions over one way, with a real gdb.
 * @param many also a condition with 1,000 misses
 */
export async function runStudentSession(
  path: Path,
  rttMs: number,
  options: WayOptions,
  many = false,
): Promise<StudentSession> {
  await using way = await openWay(path, rttMs, options);
  await calm(way.console);
  const env = childEnvironment(options.context.environment);
  await using gdb = await ScriptedGdb.start(await gdbArguments(options, SETTINGS[path]), env);
  const scripts = join(options.place.image.folder, "gdb", "vmlinux-gdb.py");
  await gdb.run({ commands: [`source ${scripts}`] }, way.console);
  const run = async (action: Action): Promise<Done> => {
    const [turns, startedAt] = [way.meter.turns, performance.now()];
    const text = await gdb.run(action, way.console);
    const ms = performance.now() - startedAt;
    return { name: action.name, turns: way.meter.turns - turns, ms, text: without(text, way.address) };
  };
  const actions: Done[] = [];
  let missed: Done | null = null;
  for (const action of actionsAt(way.address)) {
    if (action.name === "disconnect" && many) missed = await run(manyMisses);
    actions.push(await run(action));
  }
  return { actions, manyMisses: missed, spoken: way.spoken() };
}

/** Programs of the guest are given the same addresses each time, and the guest is back in its idle loop. */
export async function calm(console: BenchConsole): Promise<void> {
  console.send("shell\n");
  await console.expect("# ", BENCH_STEP_MS);
  console.send("echo 0 > /proc/sys/kernel/randomize_va_space; exit\n");
  await console.expect("MenuOS>>", BENCH_STEP_MS);
  await sleep(SETTLE_MS);
}

/** The line's address differs from run to run, and gdb prints it. */
function without({ stdout, stderr }: GdbText, address: string): GdbText {
  return { stdout: stdout.replaceAll(address, "ADDRESS"), stderr: stderr.replaceAll(address, "ADDRESS") };
}
