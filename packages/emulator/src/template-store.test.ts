import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  watch,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory, findImage, imagePath, loadImage } from "@ringside/image";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Confinement } from "./jail.ts";
import { JAIL_USER_ID_MIN, TEMPLATE_KEEP_MS, TEMPLATE_MAKING_STALE_MS } from "./limits.ts";
import { QemuVersions } from "./qemu-version.ts";
import { TEMPLATE_FILE } from "./template.ts";
import { templateFolder } from "./template-folders.ts";
import { type TemplateImage, TemplateStore, type TemplateStoreOptions } from "./template-store.ts";

// Real QEMU boots the course image. Each test has a cache of its own, or one that was filled once for all.
const ASKER = fileURLToPath(new URL("testing/template-asker.ts", import.meta.url));
const MEMORY_MIB = 64;
const folder = mkdtempSync(join(tmpdir(), "rs-store-"));
const stores: TemplateStore[] = [];
let image: TemplateImage;
let count = 0;

beforeAll(async () => {
  chmodSync(folder, 0o711);
  const found = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
  const loaded = await loadImage(found);
  image = { ...loaded.manifest, kernel: imagePath(loaded, "kernel"), initrd: imagePath(loaded, "initrd") };
});
afterAll(async () => {
  for (const store of stores) await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Place {
  readonly cacheFolder: string;
  readonly workFolder: string;
  readonly confinement: Confinement;
}

function place(): Place {
  count += 1;
  const at = join(folder, String(count));
  mkdirSync(join(at, "t"), { recursive: true, mode: 0o711 });
  const userId = process.getuid?.() === 0 ? JAIL_USER_ID_MIN + 940 + count : undefined;
  return { cacheFolder: join(at, "cache"), workFolder: join(at, "t"), confinement: { kind: "jail", userId } };
}

function open(options: TemplateStoreOptions): TemplateStore {
  const store = new TemplateStore(options);
  stores.push(store);
  return store;
}

/** The templates of a cache: whole folders, without locks and debris. */
const keysIn = ({ cacheFolder }: Place): readonly string[] =>
  readdirSync(join(cacheFolder, "templates")).filter((name) => !name.startsWith("."));

function asker(at: Place) {
  const child = spawn(process.execPath, [ASKER, JSON.stringify({ ...at, image, memoryMib: MEMORY_MIB })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const contents = new Promise<string>((resolve) => child.once("close", () => resolve(text.trim())));
  return { child, contents };
}

test("two processes that ask at once get the same template, made once", { timeout: 60_000 }, async () => {
  const at = place();
  const booted = new Set<string | null>();
  const watcher = watch(at.workFolder, (_, name) => booted.add(name));
  const answers = await Promise.all([asker(at).contents, asker(at).contents]);
  watcher.close();
  expect(answers[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(answers[1]).toBe(answers[0]);
  expect(keysIn(at)).toHaveLength(1);
  expect(booted.size, "machines that booted for it").toBe(1);
});

test("a builder that is killed leaves the way free for the next one", { timeout: 60_000 }, async () => {
  const at = place();
  const { child, contents } = asker(at);
  await expect.poll(() => readdirSync(at.workFolder), { timeout: 20_000 }).toHaveLength(1);
  child.kill("SIGKILL");
  expect(await contents).toBe("");
  expect((await open(at).get(image, MEMORY_MIB)).image).toBe(image.digest);
  expect(keysIn(at)).toHaveLength(1);
});

/** A program that only says a version: what QEMU's package would replace. */
function install(program: string, version: string): void {
  const making = `${program}.new`;
  writeFileSync(making, `#!/bin/sh\necho "QEMU emulator version ${version}"\necho "more"\n`, { mode: 0o755 });
  rmSync(program, { force: true });
  cpSync(making, program);
}

test("after a QEMU upgrade a new template is made, and a saved state still finds its own", {
  timeout: 60_000,
}, async () => {
  const at = place();
  const program = join(folder, "qemu");
  install(program, "7.2.22");
  const store = open({ ...at, versions: new QemuVersions(() => program) });
  const before = await store.get(image, MEMORY_MIB);
  expect(before.qemuVersion).toBe("QEMU emulator version 7.2.22");
  expect(await store.get(image, MEMORY_MIB)).toBe(before);

  install(program, "10.0.2");
  expect(await store.qemuVersion("x86_64")).toBe("QEMU emulator version 10.0.2");
  const after = await store.get(image, MEMORY_MIB);
  expect(after.qemuVersion).toBe("QEMU emulator version 10.0.2");
  expect(after.contents).not.toBe(before.contents);
  expect(keysIn(at)).toHaveLength(2);

  const later = open(at);
  expect((await later.withContents(before.contents))?.key).toBe(before.key);
  expect((await later.withContents(after.contents))?.key).toBe(after.key);
  expect(await templateFolder(at.cacheFolder, before.contents)).toBe(before.folder);
  expect(await later.withContents("0".repeat(64))).toBeNull();
  expect(await templateFolder(at.cacheFolder, "0".repeat(64))).toBeNull();
});

test("where QEMU is missing the version says so, and is asked again", async () => {
  const program = join(folder, "no-qemu");
  const versions = new QemuVersions(() => program);
  await expect(versions.of("x86_64")).rejects.toThrow("ENOENT");
  install(program, "7.2.22");
  expect(await versions.of("x86_64")).toBe("QEMU emulator version 7.2.22");
});

test("a template that was thrown away is made anew", { timeout: 60_000 }, async () => {
  const at = place();
  const store = open(at);
  const first = await store.get(image, MEMORY_MIB);
  await store.discard(first);
  expect(keysIn(at)).toEqual([]);
  expect(await store.withContents(first.contents)).toBeNull();
  const second = await store.get(image, MEMORY_MIB);
  await store.discard(first); // by another who had it too
  expect(await store.get(image, MEMORY_MIB)).toBe(second);
});

const LONG_AGO = new Date(Date.now() - TEMPLATE_KEEP_MS - 60_000);
const digit = (n: number): string => String(n).repeat(64);

test("what nobody has open, needs or used of late is removed, and nothing else", { timeout: 60_000 }, async () => {
  const at = place();
  const store = open(at);
  const present = await store.get(image, MEMORY_MIB);
  const templates = join(at.cacheFolder, "templates");
  const text = await readFile(join(present.folder, TEMPLATE_FILE), "utf8");
  /** The same template under another name, last used at `used`. */
  const copy = (n: number, used: Date): void => {
    const to = join(templates, digit(n));
    cpSync(present.folder, to, { recursive: true });
    writeFileSync(join(to, TEMPLATE_FILE), JSON.stringify({ ...JSON.parse(text), key: digit(n), contents: digit(n) }));
    utimesSync(join(to, TEMPLATE_FILE), used, used);
  };
  copy(1, LONG_AGO);
  copy(2, new Date()); // another process may have it open
  copy(3, LONG_AGO); // a saved state needs it
  mkdirSync(join(templates, digit(4))); // of another format, or damaged
  utimesSync(join(templates, digit(4)), LONG_AGO, LONG_AGO);
  utimesSync(join(present.folder, TEMPLATE_FILE), LONG_AGO, LONG_AGO); // open here

  expect(await store.collectGarbage(new Set([digit(3)]))).toBe(2);
  expect([...keysIn(at)].sort()).toEqual([digit(2), digit(3), present.key].sort());
  for (const key of [digit(3), present.key]) {
    const age = Date.now() - statSync(join(templates, key, TEMPLATE_FILE)).mtimeMs;
    expect(age, "being needed is use").toBeLessThan(60_000);
  }
  expect(await store.collectGarbage(new Set())).toBe(0);
});

test("what a crash has left of a making is removed by the next one", { timeout: 60_000 }, async () => {
  const at = place();
  const templates = join(at.cacheFolder, "templates");
  const [old, fresh] = [join(templates, `.${digit(5)}.old`), join(templates, `.${digit(5)}.fresh`)];
  for (const path of [old, fresh]) mkdirSync(path, { recursive: true });
  const then = new Date(Date.now() - TEMPLATE_MAKING_STALE_MS - 60_000);
  utimesSync(old, then, then);
  await open(at).get(image, MEMORY_MIB);
  const left = readdirSync(templates).filter((name) => name.startsWith(`.${digit(5)}`));
  expect(left).toEqual([`.${digit(5)}.fresh`]);
});
