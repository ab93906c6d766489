import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where images are kept: RINGSIDE_CACHE, else $XDG_CACHE_HOME/ringside, else ~/.cache/ringside.
 * @param env the process's environment
 */
export function cacheDirectory(env: Environment): string {
  const { RINGSIDE_CACHE, XDG_CACHE_HOME, HOME } = env;
  if (RINGSIDE_CACHE) return RINGSIDE_CACHE;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, "ringside");
  if (HOME) return join(HOME, ".cache", "ringside");
  throw new Error("There is no place for the image cache: set RINGSIDE_CACHE to a folder");
}

/** The cache's layout: kernels, their descriptions, initrds and images, each in a folder named by the digest of its inputs. */
export const cachePaths = {
  kernel: (cacheDir: string, digest: string) => join(cacheDir, "kernels", digest),
  description: (cacheDir: string, digest: string) => join(cacheDir, "descriptions", digest),
  initrd: (cacheDir: string, digest: string) => join(cacheDir, "initrds", digest),
  images: (cacheDir: string) => join(cacheDir, "images"),
  image: (cacheDir: string, name: string, inputsDigest: string) => join(cacheDir, "images", name, inputsDigest),
  latest: (cacheDir: string, name: string) => join(cacheDir, "images", name, "latest"),
  log: (cacheDir: string, what: string) => join(cacheDir, "logs", `${what}.log`),
  lock: (cacheDir: string, what: string) => join(cacheDir, "locks", `${what}.lock`),
  /** A fetched busybox, or one that was put there by hand: the file `busybox` in this folder. */
  busybox: (cacheDir: string, arch: string) => join(cacheDir, "busybox", arch),
  wanted: (cacheDir: string) => join(cacheDir, "wanted"),
  sources: (cacheDir: string) => join(cacheDir, "sources"),
} as const;
