import { appendFile, cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readLabFiles } from "./lab-files.ts";

const COURSE_LABS = new URL("../../../../course/labs/", import.meta.url);
const LAB = "net-listen";
let labs: string;

beforeEach(async () => {
  labs = await mkdtemp(join(tmpdir(), "rs-labs-"));
  await cp(new URL(LAB, COURSE_LABS), join(labs, LAB), { recursive: true });
});
afterEach(() => rm(labs, { recursive: true, force: true }));

it("a lab is read with its rubric and its model solution", async () => {
  const files = await readLabFiles(labs, LAB);
  expect(files.file).toMatchObject({ image: "linux-x86_64", program: "menuos" });
  expect(files.rubric.checks.map(({ id }) => id)).toContain("stopped");
  expect(files.reference).toContain("break sys_listen");
});

it("its digest is that of what the lab is: handouts are not in it", async () => {
  const { digest } = await readLabFiles(labs, LAB);
  await appendFile(join(labs, LAB, "handout.md"), "More words.\n");
  expect((await readLabFiles(labs, LAB)).digest).toBe(digest);
  await appendFile(join(labs, LAB, "reference.gdb"), "info registers\n");
  expect((await readLabFiles(labs, LAB)).digest).not.toBe(digest);
});

it("what is missing or wrong is said in words", async () => {
  await expect(readLabFiles(labs, "no-such-lab")).rejects.toMatchObject({ exit: "not_found" });
  await expect(readLabFiles(labs, "../secrets")).rejects.toMatchObject({ exit: "not_found" });
  await writeFile(join(labs, LAB, "rubric.yaml"), "checks: 1\n");
  await expect(readLabFiles(labs, LAB)).rejects.toMatchObject({
    exit: "failed",
    message: expect.stringContaining("net-listen/rubric.yaml:1"),
  });
  await rm(join(labs, LAB, "reference.gdb"));
  await expect(readLabFiles(labs, LAB)).rejects.toThrow("has no reference.gdb");
});
