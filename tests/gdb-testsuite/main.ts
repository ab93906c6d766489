import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheDirectory } from "@ringside/image";
import { type FileResult, needsAnotherRound, passed } from "./comparison.ts";
import { ROUNDS_MAX } from "./limits.ts";
import { programPath, readyPackages, readySuite, type SetUp, versionOf } from "./recipe.ts";
import { NO_FRAMES } from "./recoder.ts";
import { Relay } from "./relay.ts";
import { reportOf, reportText } from "./report.ts";
import { type Bench, runFile } from "./run-file.ts";

// gdb's own test-suite against gdbserver, direct and through our codec: README.md.
const ending = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => ending.abort());

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
  const files = positionals.length > 0 ? positionals : await listedFiles();
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])));
  const setUp: SetUp = {
    cacheDir: cacheDirectory(process.env),
    env,
    isRoot: process.getuid?.() === 0,
    signal: ending.signal,
    say,
  };
  await readyPackages(setUp);
  const path = env.PATH ?? "/usr/local/bin:/usr/bin:/bin";
  const folder = await mkdtemp(join(tmpdir(), "rs-gdb-"));
  try {
    const bench: Bench = {
      suite: await readySuite(setUp),
      gdb: await programPath("gdb", path),
      gdbserver: await programPath("gdbserver", path),
      folder,
      path,
      signal: ending.signal,
    };
    await using relay = await Relay.open();
    const results: FileResult[] = [];
    for (const [at, file] of files.entries()) {
      const result = await runBothWays(bench, relay, file);
      results.push(result);
      say(`${at + 1} of ${files.length}: ${lineOf(result)}`);
    }
    const [gdb, gdbserver] = [await versionOf(bench.gdb, setUp), await versionOf(bench.gdbserver, setUp)];
    const report = reportOf(gdb, gdbserver, results);
    process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : reportText(report)}\n`);
    const broken = results.some((result) => [...result.direct, ...result.codec].some((run) => run.broken !== null));
    return report.total.lost > 0 || report.total.frames.damaged > 0 || broken ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One after the other, and again where tests seem lost: what is lost is lost each time. */
async function runBothWays(bench: Bench, relay: Relay, file: string): Promise<FileResult> {
  let result: FileResult = { file, direct: [], codec: [], frames: NO_FRAMES };
  do {
    const direct = await runFile(bench, file);
    const codec = await runFile(bench, file, relay.port);
    const frames = result.codec.length === 0 ? relay.counts : result.frames;
    await relay.clear();
    result = { file, direct: [...result.direct, direct], codec: [...result.codec, codec], frames };
  } while (result.codec.length < ROUNDS_MAX && needsAnotherRound(result));
  return result;
}

async function listedFiles(): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, "files.txt"), "utf8");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

function lineOf({ file, direct, codec }: FileResult): string {
  const [directly, through] = [direct, codec].map((runs) => runs.map((run) => passed(run)).join(" "));
  const seconds = [...direct, ...codec].reduce((total, run) => total + run.seconds, 0);
  return `${file}: passed ${directly} direct, ${through} through the codec (${seconds.toFixed(0)} s)`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (ending.signal.aborted) process.exitCode = 130;
  else {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
