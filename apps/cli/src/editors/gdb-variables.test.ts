import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { gdbVariables, writeGdbVariables } from "./gdb-variables.ts";

const run = promisify(execFile);

it("numbers, words and paths are what gdb has in its variables, whatever is in a path", async () => {
  const hostile = `/tmp/a "b" \\n %s $x ; é/menu os`;
  const lines = gdbVariables({ port: 5_001, handler: "sys_listen" }, { "menu-32": hostile });
  const print = ["-ex", 'printf "%d|%s|", $my_port, $my_handler', "-ex", 'printf "%s|", $program_menu_32'];
  const { stdout } = await run("gdb", ["-nx", "-batch", ...lines.flatMap((line) => ["-iex", line]), ...print]);
  expect(stdout).toBe(`5001|sys_listen|${hostile}|`);
});

it("a file for `source` has the same lines; a session without values has none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rs-variables-"));
  try {
    const session = { id: "ses_0123456789abcdefghjk", parameters: { backlog: 17 } };
    const path = await writeGdbVariables(folder, session, { programs: { a: "/b" } });
    expect(await readFile(path ?? "", "utf8")).toBe('set $my_backlog = 17\nset $program_a = "/b"\n');
    expect(await writeGdbVariables(folder, session, undefined)).toBe(path);
    expect(await writeGdbVariables(folder, { ...session, parameters: {} }, undefined)).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
