/**
 * Which kernel source, and what identifies it. Hashing a source takes seconds, so its identity is
 * remembered in the cache under the paths, sizes and times of its files.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RingsideError } from "@ringside/shared";
import { cachePaths } from "./cache-directory.ts";
import { fileDigest, folderDigest, linesDigest } from "./digest.ts";
import { SOURCE_FILES_MAX } from "./limits.ts";
import { replaceFile } from "./replace-file.ts";

/** Where Debian's linux-source packages put their tarballs. */
const PACKAGES_FOLDER = "/usr/src";
const PACKAGE = /^linux-source-\d[\d.]*\.tar\.(?:xz|zst|gz|bz2)$/;

/** The kernel source to build: the given one, else the newest linux-source package of the system. */
export async function findKernelSource(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    const path = resolve(given);
    await stat(path).catch((cause: unknown) => {
      throw new RingsideError("image_missing", {
        message: `There is no kernel source at ${path}: give a folder or tarball`,
        cause,
      });
    });
    return path;
  }
  const names = (await readdir(PACKAGES_FOLDER).catch(() => [])).filter((name) => PACKAGE.test(name));
  const newest = names.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (newest === undefined) {
    throw new RingsideError("image_missing", {
      message: "There is no kernel source: install Debian's linux-source package, or name a kernel tree or tarball",
    });
  }
  return join(PACKAGES_FOLDER, newest);
}

async function stampOf(path: string, isFolder: boolean): Promise<string> {
  if (!isFolder) {
    const { size, mtimeNs } = await stat(path, { bigint: true });
    return linesDigest([`${path} ${size} ${mtimeNs}`]);
  }
  const lines: string[] = [];
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    if (lines.length >= SOURCE_FILES_MAX) {
      throw new RingsideError("image_missing", {
        message: `${path} has more than ${SOURCE_FILES_MAX} files: is it a kernel tree?`,
      });
    }
    const file = join(entry.parentPath, entry.name);
    const { size, mtimeNs } = await stat(file, { bigint: true });
    lines.push(`${file} ${size} ${mtimeNs}`);
  }
  return linesDigest(lines);
}

/** sha256 that identifies a kernel source: of the tarball, or of the names and contents of a folder. */
export async function kernelSourceDigest(cacheDir: string, source: string, signal: AbortSignal): Promise<string> {
  const isFolder = (await stat(source)).isDirectory();
  const remembered = join(cachePaths.sources(cacheDir), await stampOf(source, isFolder));
  const known = await readFile(remembered, "utf8").catch(() => "");
  if (known) return known;
  const digest = isFolder ? await folderDigest(source, signal) : await fileDigest(source, signal);
  await replaceFile(remembered, digest);
  return digest;
}
