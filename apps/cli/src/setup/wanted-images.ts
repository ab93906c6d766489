import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { buildImage, forgetWantedImage, wantedImages } from "@ringside/image";
import { WANTED_LOOK_MS, WANTED_PROGRESS_PERCENT, WANTED_RETRY_MS } from "../limits.ts";

export interface WantedImagesOptions {
  readonly repoRoot: string;
  readonly cacheDir: string;
  /** The kernel source, where it is not the system's. */
  readonly kernelSrc?: string | undefined;
  readonly signal: AbortSignal;
  /** Told what is built, how far it is, and what became of it. */
  readonly say: (line: string) => void;
  /** Builds one image; a test's stands in. */
  readonly build?: typeof buildImage;
}

/**
 * Builds the images that labs need and that are not built, one after the other at low priority, whenever one is asked
 * for; until the signal. A build that was cut short is asked for still, and is done the next time.
 */
export async function buildWantedImages(options: WantedImagesOptions): Promise<void> {
  const failedAt = new Map<string, number>();
  while (!options.signal.aborted) {
    for (const name of await wantedImages(options.cacheDir)) {
      const lately = performance.now() - (failedAt.get(name) ?? -Infinity) < WANTED_RETRY_MS;
      if (!lately && !(await buildOne(name, options))) failedAt.set(name, performance.now());
      if (options.signal.aborted) return;
      await forgetWantedImage(options.cacheDir, name);
    }
    await sleep(WANTED_LOOK_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** @returns whether it is built */
async function buildOne(name: string, options: WantedImagesOptions): Promise<boolean> {
  const { repoRoot, cacheDir, kernelSrc, signal, say, build = buildImage } = options;
  const startedAt = performance.now();
  let said = -WANTED_PROGRESS_PERCENT;
  say(`image ${name}: a lab needs it; building it`);
  try {
    const image = await build({
      ...{ name, repoRoot, cacheDir, signal, priority: "low", jobs: availableParallelism() },
      ...(kernelSrc !== undefined && { kernelSrc }),
      onProgress: ({ percent, text }) => {
        if (percent - said < WANTED_PROGRESS_PERCENT) return;
        said = percent;
        say(`image ${name}: ${percent} %  ${text}`);
      },
    });
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    say(`image ${name}: ready after ${seconds} s (${image.manifest.kernelRelease})`);
    return true;
  } catch (error) {
    if (!signal.aborted) say(`image ${name}: not built: ${(error as Error).message}`);
    return false;
  }
}
