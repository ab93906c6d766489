import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { type Context, note, print } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { type CheckOptions, runLongTest, runScript, runVitest } from "../processes/checks.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { TESTED_IMAGES } from "../setup/image.ts";
import { ensurePackages } from "../setup/packages.ts";
import { TEST_REQUIREMENTS } from "../setup/requirements.ts";
import { countTests, type TestCount } from "./test-count.ts";

/** The parts of `npm run check`; each counts as one test. */
const CHECKS = ["lint", "types", "deps", "dead"] as const;

const EXAMPLES = `
Examples:
  ringside test
  ringside test --project unit packages/rsp
  ringside test --long gdb-testsuite                       gdb's own tests, through our codec
  ringside test --long gdb-testsuite gdb.base/break.exp    one file of them
  ringside test --long kernel-source                       another version of Linux, built, booted and debugged
  ringside test --long syscall-matrix                      the system calls of all student numbers`;

/** Tests that take too long for every change: each is a folder in tests/ with a main.ts and a README. */
const LONG_TESTS = ["gdb-testsuite", "kernel-source", "syscall-matrix"] as const;

/** `ringside test`: everything that CI checks; its last line is `N passed, N failed`. */
export function addTest(program: Command, context: Context): void {
  program
    .command("test")
    .argument("[arguments...]", "given to vitest: files, -t NAME, --project unit …")
    .summary("run all checks and tests")
    .description("Makes everything ready, then runs lint, types, dependency rules, dead code and all tests.")
    .addOption(new Option("--long <name>", "run this long test in place of all others").choices(LONG_TESTS))
    .allowUnknownOption()
    .addHelpText("after", EXAMPLES)
    .action((args: string[], { long }: { long?: string }) =>
      long === undefined ? test(context, args) : longTest(context, long, args),
    );
}

/** Its exit code is the long test's. */
async function longTest(context: Context, name: string, args: readonly string[]): Promise<void> {
  const result = await runLongTest(name, context.json() ? ["--json", ...args] : args, {
    repoRoot: context.repoRoot,
    env: context.inherited,
    signal: context.signal,
    onLine: (line, stream) => (stream === "stdout" ? print(context, line) : note(context, line)),
  });
  context.signal.throwIfAborted();
  if (result.code !== 0) throw new CliError("failed", result.timedOut ? `${name} took too long` : "");
}

async function test(context: Context, args: readonly string[]): Promise<void> {
  await ensurePackages(context, [], TEST_REQUIREMENTS);
  await ensureEverything(context, undefined, TESTED_IMAGES);
  const options: CheckOptions = {
    repoRoot: context.repoRoot,
    env: {
      ...childEnvironment(context.environment),
      NO_COLOR: "1",
      ...(context.environment.RINGSIDE_CACHE && { RINGSIDE_CACHE: context.environment.RINGSIDE_CACHE }),
      ...(context.environment.XDG_CACHE_HOME && { XDG_CACHE_HOME: context.environment.XDG_CACHE_HOME }),
    },
    signal: context.signal,
    onLine: (line) => print(context, line),
  };
  let passed = 0;
  let failed = 0;
  for (const check of CHECKS) {
    note(context, `check: ${check}`);
    const result = await runScript(check, options);
    context.signal.throwIfAborted();
    if (result.code === 0) passed++;
    else failed++;
    print(context, `check ${check}: ${result.code === 0 ? "passed" : "FAILED"}`);
  }
  const count = await runTests(args, options);
  context.signal.throwIfAborted();
  passed += count.passed;
  failed += count.failed;
  print(context, `${passed} passed, ${failed} failed`);
  // The count is the last line: nothing is said after it.
  if (failed > 0) throw new CliError("failed", "");
}

async function runTests(args: readonly string[], options: CheckOptions): Promise<TestCount> {
  const folder = await mkdtemp(join(tmpdir(), "rs-report-"));
  try {
    const report = join(folder, "report.json");
    const result = await runVitest(args, report, options);
    return countTests(await readFile(report, "utf8").catch(() => ""), result.code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
