import type { Image } from "@ringside/image";
import type { Context } from "../context.ts";
import { ensureImage, imagesOfLabs } from "./image.ts";
import { ensurePackages } from "./packages.ts";

/** Makes everything ready that a box needs: the system's packages, then the images of all labs. */
export async function ensureEverything(context: Context, kernelSrc?: string): Promise<Image[]> {
  const without = [
    ...(kernelSrc !== undefined ? ["linux-source"] : []),
    ...(context.environment.REDIS_URL !== undefined ? ["redis-server"] : []),
  ];
  await ensurePackages(context, without);
  const images: Image[] = [];
  for (const name of await imagesOfLabs(context.repoRoot)) images.push(await ensureImage(context, name, kernelSrc));
  return images;
}
