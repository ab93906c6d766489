import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { gdbinit } from "../editors/gdbinit.ts";
import { writeOwned } from "../editors/owned-file.ts";
import { launchConfiguration, launchFile } from "../editors/vscode.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-init-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const files = { debug: "/images/vmlinux", sources: "/sources/linux-5.4" };

test("a file is written, found as it should be the next time, and renewed where it was not changed", async () => {
  const path = join(folder, ".vscode", "launch.json");
  const file = { path, comment: "//", text: "{}\n" } as const;
  expect(await writeOwned(file)).toBe("written");
  expect(await writeOwned(file)).toBe("unchanged");
  expect(await writeOwned({ ...file, text: "{ }\n" })).toBe("written");
  expect(await readFile(path, "utf8")).toMatch(/^\/\/ Written by `ringside init`[^\n]*\n\{ \}\n$/);
});

test.each([
  ["that somebody else wrote", "set confirm off\n"],
  ["that is empty", ""],
])("a file %s is left alone", async (_what, before) => {
  const path = join(folder, ".gdbinit");
  await writeFile(path, before);
  expect(await writeOwned({ path, comment: "#", text: "set remotetimeout 30\n" })).toBe("left alone");
  expect(await readFile(path, "utf8")).toBe(before);
});

test("a file of ours that somebody has changed is left alone", async () => {
  const path = join(folder, ".gdbinit");
  const file = { path, comment: "#", text: "set remotetimeout 30\n" } as const;
  await writeOwned(file);
  const changed = `${await readFile(path, "utf8")}set confirm off\n`;
  await writeFile(path, changed);
  expect(await writeOwned({ ...file, text: "set remotetimeout 31\n" })).toBe("left alone");
  expect(await readFile(path, "utf8")).toBe(changed);
});

test("a folder that cannot be written to is an error with its reason", async () => {
  await writeFile(join(folder, "file"), "");
  const path = join(folder, "file", ".gdbinit");
  await expect(writeOwned({ path, comment: "#", text: "" })).rejects.toMatchObject({ code: "ENOTDIR" });
});

test(".gdbinit names the kernel, its sources, the time to wait, and where to attach", () => {
  const text = gdbinit(files, "127.0.0.1:2345");
  for (const line of [
    "set remotetimeout 30",
    "directory /sources/linux-5.4",
    "file /images/vmlinux",
    "  target remote 127.0.0.1:2345",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  expect(gdbinit({ debug: "/v", sources: undefined }, "a:1")).not.toContain("directory");
});

test("launch.json is what the C/C++ extension takes", () => {
  const launch = JSON.parse(launchFile(files, "127.0.0.1:1234"));
  expect(launch).toEqual({ version: "0.2.0", configurations: [launchConfiguration(files, "127.0.0.1:1234")] });
  expect(launch.configurations[0]).toMatchObject({
    type: "cppdbg",
    MIMode: "gdb",
    program: "/images/vmlinux",
    miDebuggerServerAddress: "127.0.0.1:1234",
    stopAtConnect: true,
  });
});
