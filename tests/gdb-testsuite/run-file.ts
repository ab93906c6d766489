import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runChild } from "../../apps/cli/src/processes/child.ts";
import type { FileRun } from "./comparison.ts";
import { endLeftProcesses } from "./left-processes.ts";
import { FILE_MS, SUM_BYTES_MAX } from "./limits.ts";
import { parseSum } from "./sum.ts";

/** What is tested, and where. */
export interface Bench {
  /** Folder of gdb's test-suite. */
  readonly suite: string;
  readonly gdb: string;
  readonly gdbserver: string;
  /** A temporary folder of our own: everything that a test makes goes into it. */
  readonly folder: string;
  readonly path: string;
  readonly signal: AbortSignal;
}

const OUTPUT = "runtest.out";
const BOARD = join(import.meta.dirname, "board");
const TRIPLETS: Readonly<Record<string, string>> = { x64: "x86_64-pc-linux-gnu", arm64: "aarch64-unknown-linux-gnu" };

/**
 * Runs one file of gdb's test-suite.
 * @param file such as gdb.base/break.exp
 * @param relayPort where the relay gives ports; undefined: gdb straight at gdbserver
 */
export async function runFile(bench: Bench, file: string, relayPort?: number): Promise<FileRun> {
  // The same folder each time: it stands in the programs that are debugged, and so in the packets.
  const folder = join(bench.folder, "run");
  const home = join(bench.folder, "home");
  await rm(folder, { recursive: true, force: true });
  for (const one of [folder, home]) await mkdir(one, { recursive: true });
  await writeFile(join(folder, "site.exp"), siteOf(bench));
  const began = performance.now();
  // To a file: a gdbserver that outlives its test would hold a pipe open, and its end would never come.
  const runtest = `exec nice -n 10 runtest --target_board=ringside "$1" >${OUTPUT} 2>&1`;
  const run = await runChild({
    command: "sh",
    args: ["-c", runtest, "sh", file],
    cwd: folder,
    env: {
      PATH: bench.path,
      HOME: home,
      TERM: "dumb",
      LC_ALL: "C",
      ...(relayPort !== undefined && { RINGSIDE_RELAY_PORT: String(relayPort) }),
    },
    timeoutMs: FILE_MS,
    signal: bench.signal,
    endSignal: "SIGTERM",
  });
  await endLeftProcesses(folder);
  bench.signal.throwIfAborted();
  const lines = parseSum(await beginningOf(join(folder, "gdb.sum")), folder);
  const last = (await beginningOf(join(folder, OUTPUT))).trim().split("\n").at(-1) ?? "";
  const broken = run.timedOut ? `not done in ${FILE_MS / 1000} s` : lines.length === 0 ? `no results: ${last}` : null;
  return { lines, seconds: (performance.now() - began) / 1000, broken };
}

/** What gdb's own configure would write: the suite is used without building gdb. */
function siteOf({ suite, gdb, gdbserver }: Bench): string {
  const triplet = TRIPLETS[process.arch] ?? "";
  const settings = {
    tool: "gdb",
    srcdir: suite,
    host_triplet: triplet,
    target_triplet: triplet,
    build_triplet: triplet,
    target_alias: triplet,
    GDB: gdb,
    GDBSERVER: gdbserver,
  };
  const sets = Object.entries(settings).map(([name, value]) => `set ${name} {${value}}`);
  return [...sets, "source $srcdir/lib/append_gdb_boards_dir.exp", `lappend boards_dir {${BOARD}}`, ""].join("\n");
}

/** A file's text, up to the limit; empty where there is none. */
async function beginningOf(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return "";
  await using opened = file;
  const { size } = await opened.stat();
  const { buffer, bytesRead } = await opened.read({ buffer: Buffer.alloc(Math.min(size, SUM_BYTES_MAX)) });
  return buffer.toString("latin1", 0, bytesRead);
}
