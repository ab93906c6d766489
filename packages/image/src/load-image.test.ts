import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageManifest } from "@ringside/shared";
import { expect, test } from "vitest";
import { buildImage } from "./build-image.ts";
import { imageDigest } from "./digest.ts";
import { loadImage } from "./load-image.ts";
import { fakeKitchen } from "./testing/fake-recipe.ts";

async function withManifest(change: (manifest: ImageManifest) => unknown, check: (folder: string) => Promise<void>) {
  await using kitchen = await fakeKitchen();
  const image = await buildImage(kitchen.options());
  const changed = change(structuredClone(image.manifest));
  await writeFile(join(image.folder, "manifest.json"), typeof changed === "string" ? changed : JSON.stringify(changed));
  await check(image.folder);
}

const refuses = (folder: string, why: RegExp) => expect(loadImage(folder)).rejects.toThrow(why);

test("a folder without a manifest is refused with the way out", async () => {
  await using kitchen = await fakeKitchen();
  await refuses(kitchen.root, /no readable manifest\.json.*build the image again/);
});

test("a manifest that is no JSON is refused", () =>
  withManifest(
    (manifest) => JSON.stringify(manifest).slice(0, -5),
    (folder) => refuses(folder, /not JSON/),
  ));

test("a manifest with a field too many is refused", () =>
  withManifest(
    (manifest) => ({ ...manifest, extra: true }),
    (folder) => refuses(folder, /extra/),
  ));

test("a manifest of another format is refused", () =>
  withManifest(
    (manifest) => ({ ...manifest, format: 2 }),
    (folder) => refuses(folder, /format/),
  ));

test("a path that leaves the folder is refused", () =>
  withManifest(
    (manifest) => {
      const files = { ...manifest.files, kernel: { ...manifest.files.kernel, path: "../kernel" } };
      return { ...manifest, files, digest: imageDigest({ ...manifest, files }) };
    },
    (folder) => refuses(folder, /must not leave/),
  ));

test("a file's digest that was swapped in the manifest is noticed without reading files", () =>
  withManifest(
    ({ files, ...manifest }) => ({ ...manifest, files: { ...files, kernel: files.debug } }),
    (folder) => refuses(folder, /its digest is not that/),
  ));

test("an oversized manifest is not read", () =>
  withManifest(
    () => " ".repeat(2 * 1024 * 1024),
    (folder) => refuses(folder, /more than/),
  ));

test("missing and shortened files are noticed", async () => {
  await using kitchen = await fakeKitchen();
  const image = await buildImage(kitchen.options());
  await writeFile(join(image.folder, "vmlinux"), "");
  await refuses(image.folder, /vmlinux has 0 bytes instead of 4/);
  await rm(join(image.folder, "vmlinux"));
  await refuses(image.folder, /vmlinux is missing/);
});

test("a changed byte is noticed when asked to verify", async () => {
  await using kitchen = await fakeKitchen();
  const image = await buildImage(kitchen.options());
  const path = join(image.folder, "programs", "menuos");
  await writeFile(path, (await readFile(path, "utf8")).toUpperCase());
  await loadImage(image.folder);
  await expect(loadImage(image.folder, { verify: true })).rejects.toThrow("programs/menuos has been changed");
});
