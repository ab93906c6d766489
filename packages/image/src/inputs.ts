import { RingsideError } from "@ringside/shared";
import { fileDigest, folderDigest, linesDigest } from "./digest.ts";
import type { ImageRecipe } from "./image-recipe.ts";
import { kernelSourceDigest } from "./kernel-source.ts";
import { toolVersion } from "./recipe-process.ts";

/** Digests of everything an image is made from: the keys of the cache. */
export interface Inputs {
  readonly kernel: string;
  /** What was read out of the kernel for debuggers and for grading. */
  readonly description: string;
  readonly initrd: string;
  readonly image: string;
}

async function toolLines(tools: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const tool of tools) {
    const version = await toolVersion(tool, signal);
    if (version === null) {
      const message = `${tool} is not installed; building images needs it. On Debian: apt install build-essential gdb flex bison bc libelf-dev`;
      throw new RingsideError("image_missing", { message });
    }
    lines.push(`${tool} ${version}`);
  }
  return lines;
}

async function busyboxDigest(path: string, signal: AbortSignal): Promise<string> {
  return fileDigest(path, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    const message = `${path} is missing; on Debian: apt install busybox-static`;
    throw new RingsideError("image_missing", { message, cause });
  });
}

/** What an image is made from, found on this system. */
export interface Ingredients {
  /** A kernel tree or tarball. */
  readonly kernelSource: string;
  readonly busybox: string;
}

/** Computes the cache keys of an image, without building anything. */
export async function computeInputs(
  cacheDir: string,
  name: string,
  recipe: ImageRecipe,
  { kernelSource, busybox }: Ingredients,
  signal: AbortSignal,
): Promise<Inputs> {
  const compilers = await toolLines(recipe.compilers, signal);
  const kernel = linesDigest([
    `script ${await fileDigest(recipe.kernelScript, signal)}`,
    `fragment ${await fileDigest(recipe.kernelFragment, signal)}`,
    `source ${await kernelSourceDigest(cacheDir, kernelSource, signal)}`,
    ...compilers,
  ]);
  const initrd = linesDigest([
    `folder ${await folderDigest(recipe.initrdFolder, signal)}`,
    `busybox ${await busyboxDigest(busybox, signal)}`,
    ...compilers,
  ]);
  const describers: string[] = [];
  for (const path of [recipe.describeScript, ...recipe.describeInputs]) {
    describers.push(`describe ${await fileDigest(path, signal)}`);
  }
  describers.push(...(await toolLines(recipe.describers, signal)));
  const description = linesDigest([`kernel ${kernel}`, ...describers]);
  const image = linesDigest([
    `name ${name} ${recipe.arch}`,
    `kernel ${kernel}`,
    `initrd ${initrd}`,
    `commandLine ${recipe.commandLine}`,
    `prompt ${recipe.prompt}`,
    ...describers,
  ]);
  return { kernel, description, initrd, image };
}
