/** The statuses that gdb's test-suite writes (DejaGnu's, and the checks of its own on the names of tests). */
const STATUSES = [
  "PASS",
  "FAIL",
  "XPASS",
  "XFAIL",
  "KPASS",
  "KFAIL",
  "UNRESOLVED",
  "UNTESTED",
  "UNSUPPORTED",
  "ERROR",
  "WARNING",
  "DUPLICATE",
  "PATH",
] as const;
export type TestStatus = (typeof STATUSES)[number];

export interface TestLine {
  readonly status: TestStatus;
  readonly name: string;
}

const LINE = new RegExp(`^(${STATUSES.join("|")}): (.*)$`);

/**
 * The results in a gdb.sum: one line for each test, `STATUS: name`; everything else in it is for people.
 * @param folder the run's own folder, which stands in some names and is not the same every time
 */
export function parseSum(text: string, folder: string): readonly TestLine[] {
  return text.split("\n").flatMap((line) => {
    const [, status, name] = LINE.exec(line.trimEnd()) ?? [];
    if (status === undefined || name === undefined) return [];
    return [{ status: status as TestStatus, name: name.replaceAll(folder, "<run>") }];
  });
}
