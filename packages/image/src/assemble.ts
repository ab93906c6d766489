/** Puts an image's folder together from a built kernel, its description and a built initrd. */
import { constants, copyFile, cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ImageManifest, imageManifestSchema, RingsideError } from "@ringside/shared";
import { z } from "zod";
import { fileDigest, imageDigest } from "./digest.ts";
import type { ImageRecipe } from "./image-recipe.ts";
import type { Inputs } from "./inputs.ts";
import { SOURCE_TREES } from "./sources.ts";

/** The files in an image's folder, by their key in the manifest. */
const FILES = {
  kernel: "bzImage",
  initrd: "initrd.cpio.gz",
  symbols: "System.map",
  debug: "vmlinux",
  functions: "functions.json",
  structures: "structures.json",
} as const;
/** Those that the description of the kernel brings. */
const DESCRIBED = [FILES.symbols, FILES.debug, FILES.functions, FILES.structures] as const;
/** For people with gdb; not part of what the image is. */
const KERNEL_EXTRAS = ["gdb", SOURCE_TREES.kernel.archive, "config"] as const;
const INITRD_EXTRAS = [SOURCE_TREES.programs.archive] as const;

export interface Parts {
  readonly name: string;
  readonly recipe: ImageRecipe;
  readonly inputs: Inputs;
  readonly kernelFolder: string;
  readonly descriptionFolder: string;
  readonly initrdFolder: string;
}

async function describeFile(folder: string, path: string) {
  return { path, sha256: await fileDigest(join(folder, path)), bytes: (await stat(join(folder, path))).size };
}

async function readAliases(folder: string): Promise<ImageManifest["aliases"]> {
  const text = await readFile(join(folder, "aliases"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [alias = "", target = ""] = line.split(" ");
      return { alias, target };
    });
}

async function copyParts(folder: string, parts: Parts): Promise<void> {
  await copyFile(join(parts.kernelFolder, FILES.kernel), join(folder, FILES.kernel));
  await copyFile(join(parts.initrdFolder, FILES.initrd), join(folder, FILES.initrd));
  for (const name of DESCRIBED) {
    await copyFile(join(parts.descriptionFolder, name), join(folder, name), constants.COPYFILE_FICLONE);
  }
  for (const program of parts.recipe.programs) {
    const path = join("programs", program);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await copyFile(join(parts.initrdFolder, path), join(folder, path));
  }
  await copyExtras(parts.kernelFolder, folder, KERNEL_EXTRAS);
  await copyExtras(parts.initrdFolder, folder, INITRD_EXTRAS);
}

async function copyExtras(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const there = await stat(join(from, name)).catch(() => null);
    if (there) await cp(join(from, name), join(to, name), { recursive: true });
  }
}

/**
 * Completes an image's folder and writes its manifest.
 * @param folder gets everything
 */
export async function assembleImage(folder: string, parts: Parts): Promise<void> {
  await copyParts(folder, parts);
  const files = {
    kernel: await describeFile(folder, FILES.kernel),
    initrd: await describeFile(folder, FILES.initrd),
    symbols: await describeFile(folder, FILES.symbols),
    debug: await describeFile(folder, FILES.debug),
    functions: await describeFile(folder, FILES.functions),
    structures: await describeFile(folder, FILES.structures),
  };
  const programs: ImageManifest["programs"] = {};
  for (const program of parts.recipe.programs)
    programs[program] = await describeFile(folder, join("programs", program));
  const manifest: ImageManifest = {
    format: 1,
    name: parts.name,
    arch: parts.recipe.arch,
    digest: imageDigest({ files, programs }),
    inputsDigest: parts.inputs.image,
    kernelRelease: (await readFile(join(parts.kernelFolder, "release"), "utf8")).trim(),
    commandLine: parts.recipe.commandLine,
    prompt: parts.recipe.prompt,
    files,
    programs,
    aliases: await readAliases(parts.descriptionFolder),
  };
  const checked = imageManifestSchema.safeParse(manifest);
  if (!checked.success) {
    const message = `The recipes made an image that is not valid: ${z.prettifyError(checked.error)}`;
    throw new RingsideError("internal", { message });
  }
  await writeFile(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
}
