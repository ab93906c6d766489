import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findBusybox } from "./busybox.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-busybox-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function fetched(body: string) {
  const script = join(folder, "fetch.sh");
  await writeFile(script, `#!/usr/bin/env bash\nset -eu\n[ "$1 $3 $4" = "--out --arch i386" ]\n${body}\n`, {
    mode: 0o755,
  });
  return { kind: "fetched", arch: "i386", script } as const;
}
const find = (source: Parameters<typeof findBusybox>[0], signal = new AbortController().signal) =>
  findBusybox(source, { cacheDir: join(folder, "cache"), signal, onProgress: () => undefined });

test("the system's busybox is taken as it is", async () => {
  expect(await find({ kind: "installed", path: "/bin/busybox" })).toBe("/bin/busybox");
});

test("another architecture's busybox is fetched once", async () => {
  const source = await fetched(`echo x >>${folder}/count; echo elf >"$2/busybox"`);
  const [first, second] = [await find(source), await find(source)];
  expect(second).toBe(first);
  expect([await readFile(first, "utf8"), await readFile(join(folder, "count"), "utf8")]).toEqual(["elf\n", "x\n"]);
});

test("one that was put into the cache by hand is used, without the network", async () => {
  await mkdir(join(folder, "cache/busybox/i386"), { recursive: true });
  await writeFile(join(folder, "cache/busybox/i386/busybox"), "by hand");
  expect(await readFile(await find(await fetched("exit 1")), "utf8")).toBe("by hand");
});

test("a fetch that fails says why, and is tried again the next time", async () => {
  await expect(find(await fetched('echo "no network" >&2; exit 1'))).rejects.toMatchObject({
    code: "image_missing",
    message: expect.stringContaining("no network"),
  });
  expect(await readFile(await find(await fetched('echo elf >"$2/busybox"')), "utf8")).toBe("elf\n");
});
