import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { withLock } from "@ringside/image";
import { type ImageManifest, imageManifestSchema } from "@ringside/shared";
import type { Api } from "../../api/calls.ts";
import { Digesting } from "../../digesting.ts";
import { DOWNLOAD_BYTES_MAX, FETCH_LEFT_MS } from "../../limits.ts";
import { fetchParts } from "./fetch-parts.ts";

/** A file of an image, as its manifest describes it. */
type ImageFile = ImageManifest["files"]["debug"];

const COPY_BYTES = 1024 * 1024;

export interface FetchOptions {
  readonly api: Api;
  readonly signal: AbortSignal;
  /** What stands in the way of going on, or how far it is. */
  readonly onProgress: (text: string) => void;
}

/**
 * Files of a server's images on this machine: `<cache>/files/<sha256>/<name>`, so that images that share a file share
 * it here, and a manifest for each image. A file appears by one rename after its digest was found right; of several
 * processes that want one, one fetches it. Images are named by their digests, files by their keys in the manifest.
 */
export class ImageFiles {
  readonly #cacheDir: string;

  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
  }

  /** Where a file is; null where it is not on this machine. */
  async find(image: string, key: string): Promise<string | null> {
    const manifest = await this.#knownManifest(image);
    return manifest === null ? null : this.#findFile(fileOf(manifest, key));
  }

  /**
   * Where a file is, fetched unless it is here.
   * @throws Error in words, CliError of the api
   */
  async need(image: string, key: string, options: FetchOptions): Promise<string> {
    const here = await this.find(image, key);
    if (here !== null) return here;
    const lock = join(this.#cacheDir, "locks", `file-${image}-${key}.lock`);
    const waits = () => options.onProgress("another ringside is fetching it, waiting");
    return withLock(lock, options.signal, waits, async () => {
      return (await this.find(image, key)) ?? (await this.#fetch(image, key, options));
    });
  }

  async #knownManifest(image: string): Promise<ImageManifest | null> {
    const known = imageManifestSchema.safeParse(
      parsed(await readFile(this.#manifestPath(image), "utf8").catch(() => "")),
    );
    return known.success && known.data.digest === image ? known.data : null;
  }

  async #manifest(api: Api, image: string): Promise<ImageManifest> {
    const known = await this.#knownManifest(image);
    if (known !== null) return known;
    const manifest = await api.image(image);
    if (manifest.digest !== image) throw new Error("the server sent another image's manifest");
    const path = this.#manifestPath(image);
    await mkdir(dirname(path), { recursive: true });
    const fresh = `${path}.${randomUUID()}`;
    await writeFile(fresh, JSON.stringify(manifest));
    await rename(fresh, path);
    return manifest;
  }

  #manifestPath(image: string): string {
    return join(this.#cacheDir, "manifests", `${image}.json`);
  }

  async #findFile(file: ImageFile): Promise<string | null> {
    const path = this.#pathOf(file);
    const found = await stat(path).catch(() => null);
    return found?.isFile() && found.size === file.bytes ? path : null;
  }

  #pathOf({ sha256, path }: ImageFile): string {
    return join(this.#cacheDir, "files", sha256, basename(path));
  }

  /** The bytes are asked for before the manifest says which they are: on a long line that takes a while. */
  async #fetch(image: string, key: string, options: FetchOptions): Promise<string> {
    const folder = join(this.#cacheDir, "files");
    await mkdir(folder, { recursive: true });
    await sweep(folder);
    const sent = join(folder, `${randomUUID()}.part`);
    const fresh = join(folder, `${randomUUID()}.new`);
    try {
      const file = fileOf(await this.#manifestAndBytes(image, key, sent, options), key);
      const here = await this.#findFile(file);
      if (here !== null) return here;
      await unpack(sent, fresh, file, options.signal);
      const path = this.#pathOf(file);
      await mkdir(dirname(path), { recursive: true });
      await rename(fresh, path);
      return path;
    } finally {
      await rm(sent, { force: true });
      await rm(fresh, { force: true });
    }
  }

  /** Fetches both at once; without the bytes where another image has brought them before. */
  async #manifestAndBytes(
    image: string,
    key: string,
    path: string,
    { api, signal, onProgress }: FetchOptions,
  ): Promise<ImageManifest> {
    const enough = new AbortController();
    await using handle = await open(path, "wx");
    const fetching = fetchParts(
      {
        request: (first, last) => api.imageFile(image, key, { first, last }),
        bytesMax: DOWNLOAD_BYTES_MAX,
        signal: AbortSignal.any([signal, enough.signal]),
        onBytes: (bytes, total) => onProgress(`${mebibytes(bytes)} of ${mebibytes(total)} MiB`),
      },
      handle,
    );
    // Its error is thrown below, or is that of an end which was wanted.
    fetching.catch(() => undefined);
    try {
      const manifest = await this.#manifest(api, image);
      if ((await this.#findFile(fileOf(manifest, key))) === null) await fetching;
      return manifest;
    } finally {
      enough.abort();
      await fetching.catch(() => undefined);
    }
  }
}

/** Removes what was left by processes that were killed. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/\.(?:part|new)$/.test(name)) continue;
    const left = await stat(join(folder, name)).catch(() => null);
    if (left !== null && Date.now() - left.mtimeMs > FETCH_LEFT_MS) await rm(join(folder, name), { force: true });
  }
}

function fileOf({ files, programs }: ImageManifest, key: string): ImageFile {
  const file = new Map(Object.entries({ ...programs, ...files })).get(key);
  if (file === undefined) throw new Error(`the image has no file ${key}`);
  return file;
}

/** What a frame of zstd begins with (RFC 8878); no ELF file does. */
const ZSTD_MAGIC = 0xfd2fb528;

async function isZstd(path: string): Promise<boolean> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  return bytesRead === 4 && buffer.readUInt32LE(0) === ZSTD_MAGIC;
}

/** @throws Error where the bytes are not those of the manifest */
async function unpack(from: string, to: string, file: ImageFile, signal: AbortSignal): Promise<void> {
  const check = new Digesting(file.bytes, `it is longer than ${file.bytes} bytes`);
  const source = createReadStream(from, { highWaterMark: COPY_BYTES });
  const target = createWriteStream(to, { flags: "wx" });
  if (await isZstd(from))
    await pipeline(source, createZstdDecompress({ chunkSize: COPY_BYTES }), check, target, { signal });
  else await pipeline(source, check, target, { signal });
  if (check.bytes !== file.bytes || check.sha256() !== file.sha256) {
    throw new Error("what arrived is not what the image has (sha256)");
  }
}

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
