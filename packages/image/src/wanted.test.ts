import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WANTED_IMAGES_MAX } from "./limits.ts";
import { forgetWantedImage, wantedImages, wantImage } from "./wanted.ts";

let cache = "";
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "ringside-wanted-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

test("an image that is wanted twice is marked once, until it is forgotten", async () => {
  expect(await wantedImages(cache)).toEqual([]);
  expect(await wantImage(cache, "linux-i386")).toBe(true);
  expect(await wantImage(cache, "linux-i386")).toBe(true);
  expect(await wantedImages(cache)).toEqual(["linux-i386"]);
  await forgetWantedImage(cache, "linux-i386");
  await forgetWantedImage(cache, "linux-i386");
  expect(await wantedImages(cache)).toEqual([]);
});

test.each([["../up"], ["a/b"], [""], [".."], ["0".repeat(64)]])("%j is no image that could be built", async (name) => {
  expect(await wantImage(cache, name)).toBe(false);
  expect(await readdir(cache)).toEqual([]);
  await expect(forgetWantedImage(cache, name)).rejects.toThrow("no image's name");
});

test("there are never more marks than the bound", async () => {
  for (let n = 0; n < WANTED_IMAGES_MAX; n++) await wantImage(cache, `image-${n}`);
  expect(await wantImage(cache, "one-more")).toBe(false);
  expect(await wantedImages(cache)).toHaveLength(WANTED_IMAGES_MAX);
});
