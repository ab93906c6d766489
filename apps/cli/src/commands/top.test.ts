import type { CellLoad } from "@ringside/shared";
import { expect, test } from "vitest";
import { startCommandBed } from "../testing/command-bed.ts";

const load: CellLoad = {
  ...{ starting: 1, running: 5, ending: 0, pool: { ready: 2, target: 4 } },
  hibernated: { sessions: 3, bytes: 600_000 },
  starts: { pool: 40, clone: 2, cold: 1 },
  memory: { privateBytes: 120 * 1024 * 1024, sharedBytes: 24 * 1024 * 1024 },
  ...{ cpuCores: 0.25, limitedBy: "cgroup2" },
};
const runner = (cell: string) => ({ cell, runner: "r1", slots: 8, machines: 6, load });
const one = { value: { cells: [{ cell: "a", proxy: null, runner: runner("a") }] } };

test("looks once where stdout is no terminal", async () => {
  await using bed = await startCommandBed({ "GET /v1/cells": one });
  const { stdout, error } = await bed.run(["top"]);
  expect(error).toBeUndefined();
  const [, row] = stdout.split("\n");
  expect(row?.split(/ {2,}/)).toEqual([
    ...["a (no gdb-proxy)", "6/8", "1", "5", "0", "2/4", "3 (585.9 KiB)", "120.0 MiB", "24.0 MiB", "0.25"],
    ...["40", "2", "1", "cgroup v2"],
  ]);
});

test("several cells are summed up, and one without its runner is named", async () => {
  await using bed = await startCommandBed({
    "GET /v1/cells": {
      value: {
        cells: [
          ...["a", "b"].map((cell) => ({ cell, proxy: null, runner: runner(cell) })),
          { cell: "c", proxy: null, runner: null },
        ],
      },
    },
  });
  const lines = (await bed.run(["top", "--once"])).stdout.trimEnd().split("\n");
  expect(lines[3]).toContain("no vm-runner");
  expect(lines.at(-1)?.split(/ {2,}/).slice(0, 5)).toEqual(["all", "12/16", "2", "10", "0"]);
});

test("gives one JSON document with --once, else a line a look, until it is ended", async () => {
  await using bed = await startCommandBed({ "GET /v1/cells": one });
  const document = JSON.parse((await bed.run(["--json", "top", "--once"])).stdout);
  expect(document.cells[0].runner.load.pool).toEqual({ ready: 2, target: 4 });
  const enough = new AbortController();
  const { stdout } = await bed.run(["--json", "top"], {
    signal: enough.signal,
    onOutput: (soFar) => {
      if (soFar.split("\n").length > 2) enough.abort();
    },
  });
  const lines = stdout.trimEnd().split("\n");
  expect(lines.length).toBe(2);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ trouble: "", cells: [{ cell: "a" }] });
});

test("goes on in place on a terminal while the server is away, and says so", async () => {
  await using bed = await startCommandBed({ "GET /v1/cells": [one, { error: "store_unavailable" }, one] });
  const enough = new AbortController();
  const { stdout } = await bed.run(["top"], {
    signal: enough.signal,
    isTTY: true,
    onOutput: (soFar) => {
      if (soFar.split("\u001b[J").length > 3) enough.abort();
    },
  });
  const [first = "", away = "", back = ""] = stdout.split("\u001b[J").slice(1);
  expect(first).not.toContain("as last seen");
  expect(away).toContain("as last seen: The database or queue does not answer");
  expect(away).toContain("120.0 MiB");
  expect(back).not.toContain("as last seen");
  expect(stdout).toContain("\u001b[4A");
});

test("a student is told whom it is for", async () => {
  await using bed = await startCommandBed({ "GET /v1/cells": { error: "forbidden" } });
  expect((await bed.run(["top"])).error).toMatchObject({
    exit: "denied",
    message: expect.stringContaining("instructors and administrators"),
  });
});
