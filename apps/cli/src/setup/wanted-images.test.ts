import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildImageOptions, type Image, wantedImages, wantImage } from "@ringside/image";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildWantedImages } from "./wanted-images.ts";

let cacheDir = "";
let stop = new AbortController();
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "rs-wanted-"));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await rm(cacheDir, { recursive: true, force: true });
});

const IMAGE = { folder: "", manifest: { kernelRelease: "6.1.0" } } as Image;

function builder(build: (options: BuildImageOptions) => Promise<Image>) {
  const said: string[] = [];
  const built: string[] = [];
  const done = buildWantedImages({
    ...{ repoRoot: "/nowhere", cacheDir, signal: stop.signal, say: (line) => said.push(line) },
    build: (options) => {
      built.push(`${options.name} ${options.priority}`);
      return build(options);
    },
  });
  return { said, built, done };
}

test("an image that is asked for is built once, at low priority, and told about", async () => {
  await wantImage(cacheDir, "linux-i386");
  const { said, built, done } = builder(async ({ onProgress }) => {
    for (let percent = 0; percent <= 100; percent++) onProgress({ percent, text: "kernel" });
    return IMAGE;
  });
  await expect.poll(() => wantedImages(cacheDir)).toEqual([]);
  stop.abort();
  await done;
  expect(built).toEqual(["linux-i386 low"]);
  expect(said).toHaveLength(1 + 11 + 1);
  expect(said.at(-1)).toMatch(/^image linux-i386: ready after \d+ s \(6\.1\.0\)$/);
});

test("a build that fails says why, and others that ask do not start it again at once", async () => {
  await wantImage(cacheDir, "linux-i386");
  const { said, built, done } = builder(() => Promise.reject(new Error("no network")));
  await expect.poll(() => wantedImages(cacheDir)).toEqual([]);
  await wantImage(cacheDir, "linux-i386");
  await expect.poll(() => wantedImages(cacheDir), { timeout: 10_000 }).toEqual([]);
  stop.abort();
  await done;
  expect(built).toHaveLength(1);
  expect(said.at(-1)).toBe("image linux-i386: not built: no network");
});

test("a build that is cut short is asked for still", async () => {
  await wantImage(cacheDir, "linux-i386");
  const { said, built, done } = builder(({ signal }) => {
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  await expect.poll(() => built).toHaveLength(1);
  stop.abort();
  await done;
  expect(await wantedImages(cacheDir)).toEqual(["linux-i386"]);
  expect(said).toHaveLength(1);
});
