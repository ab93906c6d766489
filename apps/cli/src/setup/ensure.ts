import type { Image } from "@ringside/image";
import type { Context } from "../context.ts";
import { DEFAULT_IMAGE, ensureImage } from "./image.ts";
import { ensurePackages } from "./packages.ts";

/**
 * Makes everything ready that a box needs: the system's packages, then images.
 * @param kernelSrc the kernel source of all of them, where it is not the system's
 */
export async function ensureEverything(
  context: Context,
  kernelSrc?: string,
  names: readonly string[] = [DEFAULT_IMAGE],
): Promise<Image[]> {
  const without = [
    ...(kernelSrc !== undefined ? ["linux-source"] : []),
    ...(context.environment.REDIS_URL !== undefined ? ["redis-server"] : []),
  ];
  await ensurePackages(context, without);
  const images: Image[] = [];
  for (const name of names) images.push(await ensureImage(context, name, kernelSrc));
  return images;
}
