import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  ageText,
  emulatorFinding,
  emulatorVersion,
  groupsFinding,
  savedMachinesFinding,
  templatesFinding,
} from "./examine-machines.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-examine-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function template(name: string, content: string): Promise<void> {
  await mkdir(join(folder, "templates", name), { recursive: true });
  await writeFile(join(folder, "templates", name, "template.json"), content);
}

test("QEMU says its version", async () => {
  const version = await emulatorVersion(folder);
  expect(version).toMatch(/^QEMU emulator version \d/);
  expect(emulatorFinding(version).state).toBe("good");
  expect(emulatorFinding(undefined).state).toBe("bad");
});

test("a cache without templates is in order, and says when one is made", async () => {
  expect(await templatesFinding(folder, "QEMU 7")).toMatchObject({
    state: "good",
    words: expect.stringContaining("none yet"),
  });
});

test("templates are counted with their age, those of another QEMU are told apart, damaged ones left out", async () => {
  await template("one", JSON.stringify({ memoryMib: 64, qemuVersion: "QEMU 7" }));
  await template("two", JSON.stringify({ memoryMib: 128, qemuVersion: "QEMU 6" }));
  await template("three", "{");
  await template(".making", JSON.stringify({ memoryMib: 32, qemuVersion: "QEMU 7" }));
  const { words } = await templatesFinding(folder, "QEMU 7");
  expect(words).toMatch(/^2 \(/);
  expect(words).toContain("64 MiB, 0 min old");
  expect(words).toContain("1 of another QEMU");
});

test("control groups are there, or it is said what holds machines instead", async () => {
  const { state, words } = await groupsFinding();
  expect(words).toMatch(state === "good" ? /^version [12], writable/ : /niceness/);
});

test("the room for saved machines is that of the data folder, even before it is made", async () => {
  expect((await savedMachinesFinding(join(folder, "not/yet"))).words).toContain(`GiB free at ${folder}`);
});

test.each([
  [0, "0 min"],
  [119 * 60_000, "119 min"],
  [3 * 3_600_000, "3 h"],
  [72 * 3_600_000, "3 days"],
])("an age of %i ms is %s", (ms, words) => expect(ageText(ms)).toBe(words));
