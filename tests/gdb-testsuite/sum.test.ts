import { expect, it } from "vitest";
import { parseSum } from "./sum.ts";

const SUM = `Test run by root on Sat Nov 21 19:31:56 2026
Native configuration is x86_64-pc-linux-gnu

		=== gdb tests ===

Running target ringside
Running /s/gdb.base/break.exp ...
PASS: gdb.base/break.exp: run until function breakpoint
FAIL: gdb.base/break.exp: step: over (timeout)
PASS: gdb.base/break.exp: list /tmp/rs-1/run/outputs/break.c
UNSUPPORTED: gdb.base/break.exp: no such thing
ERROR: tcl error sourcing /s/gdb.base/other.exp.
PASSING: no status

		=== gdb Summary ===

# of expected passes		2
/usr/bin/gdb version  13.1-3) -nw -nx
`;

it("reads each test of a gdb.sum and nothing else of it", () => {
  expect(parseSum(SUM, "/tmp/rs-1/run")).toEqual([
    { status: "PASS", name: "gdb.base/break.exp: run until function breakpoint" },
    { status: "FAIL", name: "gdb.base/break.exp: step: over (timeout)" },
    { status: "PASS", name: "gdb.base/break.exp: list <run>/outputs/break.c" },
    { status: "UNSUPPORTED", name: "gdb.base/break.exp: no such thing" },
    { status: "ERROR", name: "tcl error sourcing /s/gdb.base/other.exp." },
  ]);
});

it("takes a run that left nothing for one without results", () => {
  expect(parseSum("", "/tmp")).toEqual([]);
});
