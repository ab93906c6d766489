import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ImageFileKey, type ImageManifest, imageManifestSchema, RingsideError } from "@ringside/shared";
import { z } from "zod";
import { cachePaths } from "./cache-directory.ts";
import { fileDigest, imageDigest } from "./digest.ts";
import { MANIFEST_BYTES_MAX } from "./limits.ts";

/** A checked image: its manifest and the folder that the manifest's paths are relative to. */
export interface Image {
  readonly folder: string;
  readonly manifest: ImageManifest;
}

const MANIFEST = "manifest.json";
const DIGEST = /^[0-9a-f]{64}$/;

const broken = (folder: string, what: string, cause?: unknown) =>
  new RingsideError("image_missing", {
    message: `The image in ${folder} cannot be used: ${what}. Remove that folder and build the image again`,
    cause,
  });

/** The full path of one of the files that every image has. */
export function imagePath(image: Image, key: Exclude<ImageFileKey, "structures">): string {
  return join(image.folder, image.manifest.files[key].path);
}

/** The full path of the image's table of structures; null where it was built before there was one. */
export function structuresPath({ folder, manifest }: Image): string | null {
  const file = manifest.files.structures;
  return file === undefined ? null : join(folder, file.path);
}

/** The full path of one of the guest's own programs, with its symbols; null where the image has none of that name. */
export function programPath({ folder, manifest }: Image, name: string): string | null {
  const file = Object.hasOwn(manifest.programs, name) ? manifest.programs[name] : undefined;
  return file === undefined ? null : join(folder, file.path);
}

async function readManifest(folder: string): Promise<ImageManifest> {
  const path = join(folder, MANIFEST);
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MANIFEST_BYTES_MAX)
      throw broken(folder, `${MANIFEST} has ${size} bytes, more than ${MANIFEST_BYTES_MAX}`);
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof RingsideError) throw error;
    throw broken(folder, `it has no readable ${MANIFEST}`, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw broken(folder, `${MANIFEST} is not JSON`, error);
  }
  const parsed = imageManifestSchema.safeParse(json);
  if (!parsed.success) throw broken(folder, `${MANIFEST} is not valid: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * Reads and checks an image: its manifest, and that every file is there in full.
 * @param folder the image's folder
 * @param options `verify: true` also reads every byte and compares the digests
 */
export async function loadImage(
  folder: string,
  options: { readonly verify?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Image> {
  const manifest = await readManifest(folder);
  if (imageDigest(manifest) !== manifest.digest) throw broken(folder, "its digest is not that of its files' digests");
  const files = [...Object.values(manifest.files), ...Object.values(manifest.programs)];
  for (const file of files.filter((each) => each !== undefined)) {
    options.signal?.throwIfAborted();
    const path = join(folder, file.path);
    const size = await stat(path).then(
      (found) => found.size,
      () => -1,
    );
    if (size < 0) throw broken(folder, `${file.path} is missing`);
    if (size !== file.bytes) throw broken(folder, `${file.path} has ${size} bytes instead of ${file.bytes}`);
    if (options.verify && (await fileDigest(path, options.signal)) !== file.sha256) {
      throw broken(folder, `${file.path} has been changed`);
    }
  }
  return { folder, manifest };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function findByDigest(cacheDir: string, digest: string): Promise<string | null> {
  for (const name of await namesIn(cachePaths.images(cacheDir))) {
    for (const inputsDigest of await namesIn(join(cachePaths.images(cacheDir), name))) {
      if (!DIGEST.test(inputsDigest)) continue;
      const folder = cachePaths.image(cacheDir, name, inputsDigest);
      const manifest = await readManifest(folder).catch(() => null);
      if (manifest?.digest === digest || manifest?.inputsDigest === digest) return folder;
    }
  }
  return null;
}

/**
 * The folder of an image in the cache, or null. Give it to `loadImage`.
 * @param cacheDir see `cacheDirectory`
 * @param which a name (its newest build), an image digest or an inputs digest
 */
export async function findImage(cacheDir: string, which: string): Promise<string | null> {
  if (DIGEST.test(which)) return findByDigest(cacheDir, which);
  const latest = await readFile(cachePaths.latest(cacheDir, which), "utf8").catch(() => "");
  return DIGEST.test(latest.trim()) ? cachePaths.image(cacheDir, which, latest.trim()) : null;
}
