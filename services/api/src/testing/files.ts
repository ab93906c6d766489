import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageManifest } from "@ringside/shared";

/** The smallest files that the api takes for a lab and an image. */

export const LAB_YAML = `
title: { en: Stop in listen, zh: 停在 listen }
summary: { en: Stop the kernel in listen., zh: 让内核停在 listen。 }
image: test-image
parameters:
  backlog: { kind: int, min: 3, max: 120 }
  payload: { kind: word, chars: 8 }
limits: { session_minutes: 30, memory_mib: 64 }
first_steps: { gdb: [b sys_listen, c], console: [replyhi] }
hints: [{ en: Set a breakpoint., zh: 设置断点。 }]
`;

export const RUBRIC_YAML = `
checks:
  - id: attached
    title: { en: Attach gdb, zh: 连接 gdb }
    points: 4
    when: { attached: true }
`;

export async function writeLab(labsDir: string, lab: string, labYaml = LAB_YAML, rubric = RUBRIC_YAML): Promise<void> {
  await mkdir(join(labsDir, lab), { recursive: true });
  await writeFile(join(labsDir, lab, "lab.yaml"), labYaml);
  await writeFile(join(labsDir, lab, "rubric.yaml"), rubric);
}

const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

const CONTENTS = {
  kernel: "a kernel",
  initrd: "an initrd",
  symbols: "ffffffff81000000 T _text\nffffffff81800000 T __sys_listen\n",
  debug: "a vmlinux",
  functions: "[]",
} as const;

/** What an image knows of its kernel. */
export interface ImageTables {
  readonly symbols?: string;
  readonly functions?: string;
  readonly structures?: string;
}

/** Puts an image into the cache as `packages/image` lays it out. Files given are in place of the smallest ones. */
export async function writeImage(
  cacheDir: string,
  name: string,
  debug: string | Buffer = CONTENTS.debug,
  program: string | Buffer = "a program",
  tables: ImageTables = {},
): Promise<ImageManifest> {
  const inputsDigest = sha256(`inputs of ${name}`);
  const folder = join(cacheDir, "images", name, inputsDigest);
  await mkdir(folder, { recursive: true });
  const file = async (path: string, text: string | Buffer) => {
    await writeFile(join(folder, path), text);
    return { path, sha256: sha256(text), bytes: Buffer.byteLength(text) };
  };
  const files = {
    kernel: await file("kernel", CONTENTS.kernel),
    initrd: await file("initrd", CONTENTS.initrd),
    symbols: await file("System.map", tables.symbols ?? CONTENTS.symbols),
    debug: await file("vmlinux", debug),
    functions: await file("functions.json", tables.functions ?? CONTENTS.functions),
    ...(tables.structures !== undefined && { structures: await file("structures.json", tables.structures) }),
  };
  const programs = { menuos: await file("menuos", program) };
  const lines = [
    ...Object.entries(files).map(([key, each]) => `${key} ${each.sha256}`),
    `programs/menuos ${programs.menuos.sha256}`,
  ];
  const manifest: ImageManifest = {
    format: 1,
    name,
    arch: "x86_64",
    digest: sha256(
      lines
        .sort()
        .map((line) => `${line}\n`)
        .join(""),
    ),
    inputsDigest,
    kernelRelease: "6.1.0",
    commandLine: "console=ttyS0",
    prompt: "MenuOS>>",
    files,
    programs,
    aliases: [],
  };
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  await writeFile(join(cacheDir, "images", name, "latest"), inputsDigest);
  return manifest;
}
