import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { courseRecipe } from "./image-recipe.ts";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));
let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ringside-course-"));
  await cp(join(CHECKOUT, "course/kernels"), join(root, "course/kernels"), { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("a kernel's configuration says which machine its image is for", async () => {
  expect(await courseRecipe(root, "linux-x86_64")).toMatchObject({
    arch: "x86_64",
    programs: ["menuos", "menu32", "trigger"],
    busybox: { kind: "installed" },
  });
  expect(await courseRecipe(root, "linux-i386")).toMatchObject({
    arch: "i386",
    programs: ["menuos"],
    busybox: { kind: "fetched", arch: "i386" },
  });
});

test("a configuration that names no machine is refused with what it must say", async () => {
  await writeFile(join(root, "course/kernels/own.config"), "CONFIG_NET=y\n");
  await expect(courseRecipe(root, "own")).rejects.toThrow(
    /own\.config does not say .* 'CONFIG_64BIT=y' or '# CONFIG_64/,
  );
});

test.each(["linux-none", "../linux-x86_64", ""])("there is no image %j", async (name) => {
  await expect(courseRecipe(root, name)).rejects.toMatchObject({ code: "image_missing" });
});
