import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { cacheDirectory, findImage, imagePath, loadImage } from "@ringside/image";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JAIL_USER_ID_MIN } from "./limits.ts";
import { MEMORY_FILE, openTemplate, STATE_FILE, TEMPLATE_FILE, type Template } from "./template.ts";
import { unpackTemplateArchive, writeTemplateArchive } from "./template-archive.ts";
import { TemplateStore } from "./template-store.ts";

// A real template of the real course image.
let work: string;
let store: TemplateStore;
let template: Template;
let archive: string;

beforeAll(async () => {
  const found = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
  const image = await loadImage(found);
  work = await mkdtemp(join(tmpdir(), "rs-archive-"));
  await chmod(work, 0o711);
  const userId = process.getuid?.() === 0 ? JAIL_USER_ID_MIN + 890 : undefined;
  const cacheFolder = join(work, "cache");
  store = new TemplateStore({ cacheFolder, workFolder: work, confinement: { kind: "jail", userId } });
  const files = { kernel: imagePath(image, "kernel"), initrd: imagePath(image, "initrd") };
  template = await store.get({ ...image.manifest, ...files }, 64);
  archive = join(work, "archive");
  await writeTemplateArchive(template.folder, createWriteStream(archive));
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

const unpack = (bytes: Uint8Array, name: string) =>
  unpackTemplateArchive(
    (async function* () {
      yield bytes;
    })(),
    join(work, name),
  );

test("a template comes out of its archive as it was, holes and all, and opens", async () => {
  const folder = join(work, "unpacked");
  const file = await unpackTemplateArchive(createReadStream(archive), folder);
  expect(file.contents).toBe(template.contents);
  for (const name of [TEMPLATE_FILE, STATE_FILE, MEMORY_FILE]) {
    const [was, is] = await Promise.all([template.folder, folder].map((at) => readFile(join(at, name))));
    expect(is?.equals(was ?? Buffer.alloc(0)), name).toBe(true);
  }
  const { size, blocks } = await stat(join(folder, MEMORY_FILE));
  expect(blocks * 512).toBeLessThan(size / 2);
  const opened = await openTemplate(folder, join(work, "cache", "native"));
  await opened.memory.close();
  expect(opened.contents).toBe(template.contents);
});

test("an archive that is cut, changed, longer or none at all leaves no folder behind", async () => {
  const bytes = await readFile(archive);
  const plain = zstdDecompressSync(bytes);
  const changed = Buffer.from(plain);
  changed[plain.length - 1_000] = (changed[plain.length - 1_000] ?? 0) ^ 1;
  const cases: Readonly<Record<string, Uint8Array>> = {
    cut: bytes.subarray(0, bytes.length >> 1),
    "cut near its end": bytes.subarray(0, bytes.length - 4),
    changed: zstdCompressSync(changed),
    longer: zstdCompressSync(Buffer.concat([plain, Buffer.of(0)])),
    "of great claims": zstdCompressSync(Buffer.concat([plain.subarray(0, 20), Buffer.alloc(4, 0xff)])),
    "not compressed": plain.subarray(0, 4_096),
    empty: Buffer.alloc(0),
  };
  for (const [what, damaged] of Object.entries(cases)) {
    await expect(unpack(damaged, "damaged"), what).rejects.toMatchObject({ code: "state_damaged" });
  }
  expect((await readdir(work)).filter((name) => name.startsWith(".") || name === "damaged")).toEqual([]);
});

test("what is in place stays there when a new archive is damaged", async () => {
  await expect(unpack(Buffer.from("x"), "unpacked")).rejects.toThrow();
  expect(await readdir(join(work, "unpacked"))).toContain(MEMORY_FILE);
});

test("a folder without a template has no archive", async () => {
  await expect(writeTemplateArchive(work, createWriteStream(join(work, "none")))).rejects.toMatchObject({
    code: "not_found",
  });
});
