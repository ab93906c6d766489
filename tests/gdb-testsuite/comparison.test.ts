import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { difference, type FileRun, failed, needsAnotherRound, passed } from "./comparison.ts";
import { NO_FRAMES } from "./recoder.ts";
import { reportOf, reportText } from "./report.ts";

const run = (...passes: string[]): FileRun => ({
  lines: [...passes.map((name) => ({ status: "PASS" as const, name })), { status: "FAIL" as const, name: "x" }],
  seconds: 1,
  broken: null,
});

describe("the comparison of what passed", () => {
  it("finds what passes direct every time and never through the codec", () => {
    const result = { direct: [run("a", "b"), run("a", "b")], codec: [run("a"), run("a")] };
    expect(difference(result)).toEqual({ lost: ["b"], unsteady: [] });
  });

  it("calls unsteady what passed once through the codec, or failed once direct", () => {
    const result = { direct: [run("a", "b"), run("a")], codec: [run("b"), run("a")] };
    expect(difference(result)).toEqual({ lost: [], unsteady: ["a", "b"] });
  });

  it("counts tests of the same name", () => {
    expect(difference({ direct: [run("a", "a")], codec: [run("a")] }).lost).toEqual(["a"]);
  });

  it("wants another round only where something is lost", () => {
    expect(needsAnotherRound({ direct: [run("a")], codec: [run("a", "b")] })).toBe(false);
    expect(needsAnotherRound({ direct: [run("a")], codec: [run()] })).toBe(true);
  });

  it("is shown with its sums and every lost test by name", () => {
    const files = [
      { file: "gdb.base/a.exp", direct: [run("a", "b")], codec: [run("a")], frames: { ...NO_FRAMES, packets: 7 } },
      { file: "gdb.base/c.exp", direct: [run("c")], codec: [run("c")], frames: { ...NO_FRAMES, packets: 2 } },
    ];
    expect([passed(files[0]?.direct[0]), failed(files[0]?.direct[0]), passed(undefined)]).toEqual([2, 1, 0]);
    const report = reportOf("gdb 13", "gdbserver 13", files);
    expect(report.total).toMatchObject({ files: 2, passedDirect: 3, passedCodec: 2, lost: 1, frames: { packets: 9 } });
    expect(reportText(report)).toContain("lost: b");
    expect(reportText(report).split("\n").at(-1)).toBe("passed direct 3, through the codec 2, lost 1");
  });
});

it("runs 108 different test files", () => {
  const listed = readFileSync(new URL("files.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(listed).toHaveLength(108);
  expect(new Set(listed).size).toBe(108);
  for (const file of listed) expect(file).toMatch(/^gdb\.[a-z]+\/[a-z0-9_-]+\.exp$/);
});
