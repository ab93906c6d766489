import { readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildImage, cacheDirectory, findImage, type Image, loadImage } from "@ringside/image";
import { imageNameSchema, RingsideError } from "@ringside/shared";
import { parse } from "yaml";
import { z } from "zod";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { startProgress } from "../output/progress.ts";

/** The image that is built before anything else; others are built when a lab first needs them. */
export const DEFAULT_IMAGE = "linux-x86_64";
/** What the tests boot. */
export const TESTED_IMAGES: readonly string[] = [DEFAULT_IMAGE, "linux-i386"];

/** Where images are kept. */
export function cacheFolder(context: Context): string {
  return cacheDirectory(context.environment);
}

/**
 * Builds the image of that name, or finds that it is built already: then it takes a moment.
 * @throws CliError with the end of the build's log
 */
export async function ensureImage(context: Context, name: string, kernelSrc?: string): Promise<Image> {
  using progress = startProgress(context, `image ${name}`);
  const startedAt = Date.now();
  try {
    const image = await buildImage({
      name,
      repoRoot: context.repoRoot,
      cacheDir: cacheFolder(context),
      ...(kernelSrc !== undefined && { kernelSrc }),
      jobs: availableParallelism(),
      signal: context.signal,
      onProgress: ({ percent, text }) => progress.update(`${String(percent).padStart(3)} %  ${text}`),
    });
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    progress.done(`ready after ${seconds} s (${image.manifest.kernelRelease}, ${image.manifest.digest.slice(0, 12)})`);
    return image;
  } catch (cause) {
    context.signal.throwIfAborted();
    if (cause instanceof RingsideError) throw new CliError("failed", cause.message, { code: cause.code, cause });
    throw cause;
  }
}

/** The images that the checkout's labs use. */
export async function imagesOfLabs(repoRoot: string): Promise<string[]> {
  const folder = join(repoRoot, "course/labs");
  const names = new Set<string>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const text = await readFile(join(folder, entry.name, "lab.yaml"), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const lab = z.object({ image: imageNameSchema }).safeParse(parse(text));
    if (lab.success) names.add(lab.data.image);
  }
  return names.size > 0 ? [...names].sort() : [DEFAULT_IMAGE];
}

/** The image with that digest or name in this machine's cache; undefined where it is not here or damaged. */
export async function localImage(context: Context, which: string): Promise<Image | undefined> {
  const folder = await findImage(cacheFolder(context), which);
  return folder === null ? undefined : loadImage(folder).catch(() => undefined);
}
