import { expect, test } from "vitest";
import { countTests } from "./test-count.ts";

const report = (...files: [string, string[]][]) =>
  JSON.stringify({
    testResults: files.map(([status, tests]) => ({ status, assertionResults: tests.map((one) => ({ status: one })) })),
  });

test.each([
  [report(["passed", ["passed", "passed"]], ["failed", ["passed", "failed"]]), 1, { passed: 3, failed: 1 }],
  [report(["passed", ["passed"]], ["failed", []]), 1, { passed: 1, failed: 1 }],
  [report(["passed", ["passed"]]), 0, { passed: 1, failed: 0 }],
  [report(["passed", ["passed"]]), 1, { passed: 1, failed: 1 }],
  ["", 0, { passed: 0, failed: 1 }],
  ["{}", null, { passed: 0, failed: 1 }],
])("%s with exit code %j counts as %o", (text, code, count) => {
  expect(countTests(text, code)).toEqual(count);
});
