import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LOG_BYTES_MAX, LOG_FILES_MAX } from "../limits.ts";
import { LogFile } from "./log-file.ts";

test("a log is bounded: it is renamed away when full and the oldest goes", () => {
  const folder = mkdtempSync(join(tmpdir(), "rs-log-"));
  try {
    const path = join(folder, "a.log");
    using log = new LogFile(path);
    const line = "x".repeat(1024 * 1024);
    for (let n = 0; n < 60; n++) log.write(`${n} ${line}`);
    expect(readFileSync(path, "utf8")).toContain("59 x");
    for (let n = 1; n <= LOG_FILES_MAX; n++) {
      expect(statSync(`${path}.${n}`).size).toBeLessThan(LOG_BYTES_MAX + 2 * line.length);
    }
    expect(() => statSync(`${path}.${LOG_FILES_MAX + 1}`)).toThrow("ENOENT");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
