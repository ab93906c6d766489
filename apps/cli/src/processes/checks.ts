import { CHECK_TIMEOUT_MS, LONG_TEST_TIMEOUT_MS, TESTS_TIMEOUT_MS } from "../limits.ts";
import { type RunResult, runChild } from "./child.ts";

export interface CheckOptions {
  readonly repoRoot: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** Runs one of package.json's scripts. */
export function runScript(name: string, options: CheckOptions): Promise<RunResult> {
  return runChild({
    command: process.execPath,
    args: ["--run", name],
    cwd: options.repoRoot,
    env: options.env,
    timeoutMs: CHECK_TIMEOUT_MS,
    signal: options.signal,
    endSignal: "SIGTERM",
    onLine: options.onLine,
  });
}

/** Runs vitest; its result goes to `reportFile` as JSON, what people read to `onLine`. */
export function runVitest(args: readonly string[], reportFile: string, options: CheckOptions): Promise<RunResult> {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  return runChild({
    command: process.execPath,
    args: ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...args],
    cwd: options.repoRoot,
    env: options.env,
    timeoutMs: TESTS_TIMEOUT_MS,
    signal: options.signal,
    endSignal: "SIGTERM",
    onLine: options.onLine,
  });
}

/**
 * Runs one of the long tests, which have a `main.ts` of their own in tests/.
 * @param onLine is given its result on stdout, and its progress on stderr
 */
export function runLongTest(
  name: string,
  args: readonly string[],
  options: Omit<CheckOptions, "onLine"> & { readonly onLine: (line: string, stream: "stdout" | "stderr") => void },
): Promise<RunResult> {
  return runChild({
    command: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", `tests/${name}/main.ts`, ...args],
    cwd: options.repoRoot,
    env: options.env,
    timeoutMs: LONG_TEST_TIMEOUT_MS,
    signal: options.signal,
    endSignal: "SIGTERM",
    onLine: options.onLine,
  });
}
