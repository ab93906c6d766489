import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { buildImage } from "./build-image.ts";
import { findImage, imagePath, loadImage } from "./load-image.ts";
import { fakeKitchen } from "./testing/fake-recipe.ts";

test("a built image loads, verifies, and is found by name and by digest", async () => {
  await using kitchen = await fakeKitchen();
  const image = await buildImage(kitchen.options());
  expect(image.manifest).toMatchObject({ kernelRelease: "6.1.0", prompt: "MenuOS>>" });
  expect(image.manifest.aliases).toEqual([{ alias: "sys_listen", target: "__sys_listen" }]);
  expect(await readFile(imagePath(image, "kernel"), "utf8")).toBe("image\n");
  await loadImage(image.folder, { verify: true });
  for (const which of ["test-image", image.manifest.digest, image.manifest.inputsDigest]) {
    expect(await findImage(kitchen.cacheDir, which)).toBe(image.folder);
  }
  expect(await findImage(kitchen.cacheDir, "another")).toBeNull();
});

test("progress covers the whole and never runs backwards", async () => {
  await using kitchen = await fakeKitchen();
  await buildImage(kitchen.options());
  const percents = kitchen.progress.map((step) => step.percent);
  expect(percents).toEqual([...percents].sort((a, b) => a - b));
  expect(kitchen.progress.map((step) => step.text)).toContain("kernel: halfway");
  expect(percents.at(-1)).toBe(100);
});

test("an image that is built already is not built again", async () => {
  await using kitchen = await fakeKitchen();
  const first = await buildImage(kitchen.options());
  const second = await buildImage(kitchen.options());
  expect(second).toEqual(first);
  expect(await kitchen.count("describe")).toBe(1);
});

test("a change to the initrd makes a new image but no new kernel", async () => {
  await using kitchen = await fakeKitchen();
  const first = await buildImage(kitchen.options());
  await writeFile(join(kitchen.root, "initrd", "menu.c"), "int main = 1;");
  const second = await buildImage(kitchen.options());
  expect(second.manifest.digest).not.toBe(first.manifest.digest);
  expect([await kitchen.count("kernel"), await kitchen.count("initrd"), await kitchen.count("describe")]).toEqual([
    1, 2, 1,
  ]);
  expect(await findImage(kitchen.cacheDir, "test-image")).toBe(second.folder);
  await loadImage(first.folder, { verify: true });
});

test("a change to the kernel's configuration makes a new kernel but no new initrd", async () => {
  await using kitchen = await fakeKitchen();
  await buildImage(kitchen.options());
  await writeFile(join(kitchen.root, "fragment.config"), "CONFIG_NET=y");
  await buildImage(kitchen.options());
  expect([await kitchen.count("kernel"), await kitchen.count("initrd"), await kitchen.count("describe")]).toEqual([
    2, 1, 2,
  ]);
});

test("a kernel source may be a folder, and a changed file in it makes a new kernel", async () => {
  await using kitchen = await fakeKitchen();
  const kernelSrc = join(kitchen.root, "initrd");
  await buildImage(kitchen.options({ kernelSrc }));
  await buildImage(kitchen.options({ kernelSrc }));
  expect(await kitchen.count("kernel")).toBe(1);
  await writeFile(join(kernelSrc, "Kbuild"), "obj-y += init/");
  await buildImage(kitchen.options({ kernelSrc }));
  expect(await kitchen.count("kernel")).toBe(2);
});

test("a failed build says why, names its log and leaves nothing in the cache", async () => {
  await using kitchen = await fakeKitchen();
  await kitchen.rewrite("kernel.sh", 'echo "no such register" >&2; exit 3');
  const failure = await buildImage(kitchen.options()).catch((error: unknown) => error as Error);
  const log = /full log is (\S+);/.exec(failure instanceof Error ? failure.message : "")?.[1] ?? "";
  expect(await readFile(log, "utf8")).toBe("no such register\n");
  expect(failure).toMatchObject({ message: expect.stringMatching(/ended with 3.*no such register/s) });
  expect(await readdir(join(kitchen.cacheDir, "kernels"))).toEqual([]);
  expect(await findImage(kitchen.cacheDir, "test-image")).toBeNull();
});

test("recipes that make something unusable fail the build instead of entering the cache", async () => {
  await using kitchen = await fakeKitchen();
  await kitchen.rewrite(
    "describe.sh",
    'cp "$kernel/vmlinux" "$kernel/System.map" "$out/"; echo ":" >"$out/aliases"; echo "[]" | tee "$out/functions.json" >"$out/structures.json"',
  );
  await expect(buildImage(kitchen.options())).rejects.toThrow("not valid");
  expect(await readdir(join(kitchen.cacheDir, "images", "test-image"))).toEqual([]);
});

test("an abort ends the recipe with all its children and leaves no folder and no lock", async () => {
  await using kitchen = await fakeKitchen();
  const pidFile = join(kitchen.root, "child.pid");
  await kitchen.rewrite("kernel.sh", `sleep 60 & echo $! >${pidFile}; wait`);
  const abort = new AbortController();
  const building = buildImage(kitchen.options({ signal: abort.signal }));
  const failed = expect(building).rejects.toThrow("enough");
  while (!(await stat(pidFile).catch(() => null))?.size) await sleep(10);
  abort.abort(new Error("enough"));
  await failed;
  const child = Number(await readFile(pidFile, "utf8"));
  await expect.poll(() => isRunning(child)).toBe(false);
  expect(await readdir(join(kitchen.cacheDir, "kernels"))).toEqual([]);
  expect(await readdir(join(kitchen.cacheDir, "locks"))).toEqual([]);
});

test("two builders at once build once", async () => {
  await using kitchen = await fakeKitchen();
  const images = await Promise.all([buildImage(kitchen.options()), buildImage(kitchen.options())]);
  expect(images[0]).toEqual(images[1]);
  expect([await kitchen.count("kernel"), await kitchen.count("describe")]).toEqual([1, 1]);
});

test("a damaged image is built anew, and what a killed builder left is swept away", async () => {
  await using kitchen = await fakeKitchen();
  const image = await buildImage(kitchen.options());
  await writeFile(imagePath(image, "debug"), "cut");
  await writeFile(`${image.folder}.tmp-abandoned`, "");
  await buildImage(kitchen.options());
  await loadImage(image.folder, { verify: true });
  expect((await readdir(join(image.folder, ".."))).sort()).toEqual([image.manifest.inputsDigest, "latest"].sort());
});

test("an unknown image, a missing kernel source and a missing tool are said in words", async () => {
  await using kitchen = await fakeKitchen();
  const { recipe: _, ...courseOnly } = kitchen.options();
  await expect(buildImage(courseOnly)).rejects.toThrow("There is no image 'test-image'");
  await expect(buildImage(kitchen.options({ kernelSrc: join(kitchen.root, "none") }))).rejects.toThrow(
    "no kernel source",
  );
  const recipe = { ...kitchen.recipe, compilers: ["no-such-compiler"] };
  await expect(buildImage(kitchen.options({ recipe }))).rejects.toThrow("no-such-compiler is not installed");
});

async function isRunning(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return state !== "" && !/\) Z /.test(state);
}
