import { z } from "zod";

/** What is read of vitest's JSON report. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Counts a report. A file that could not be loaded counts as one failure, and so does a run that failed without
 * naming a test, or left no report: nothing that went wrong may count as passed.
 */
export function countTests(report: string, exitCode: number | null): TestCount {
  let parsed: z.infer<typeof reportSchema> | undefined;
  try {
    parsed = reportSchema.parse(JSON.parse(report));
  } catch {
    return { passed: 0, failed: 1 };
  }
  const tests = parsed.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === "passed").length;
  const failedTests = tests.filter((test) => test.status === "failed").length;
  const failedFiles = parsed.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = failedTests + failedFiles;
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}
