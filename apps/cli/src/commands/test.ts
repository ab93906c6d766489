import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { type Context, note, print } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { type CheckOptions, runScript, runVitest } from "../processes/checks.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { countTests, type TestCount } from "./test-count.ts";

/** The parts of `npm run check`; each counts as one test. */
const CHECKS = ["lint", "types", "deps", "dead"] as const;

/** `ringside test`: everything that CI checks; its last line is `N passed, N failed`. */
export function addTest(program: Command, context: Context): void {
  program
    .command("test")
    .argument("[arguments...]", "given to vitest: files, -t NAME, --project unit …")
    .summary("run all checks and tests")
    .description("Makes everything ready, then runs lint, types, dependency rules, dead code and all tests.")
    .allowUnknownOption()
    .addHelpText("after", "\nExamples:\n  ringside test\n  ringside test --project unit packages/rsp")
    .action((args: string[]) => test(context, args));
}

async function test(context: Context, args: readonly string[]): Promise<void> {
  await ensureEverything(context);
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
