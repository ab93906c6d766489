import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { withLock } from "@ringside/image";
import { type ImageManifest, imageManifestSchema } from "@ringside/shared";
import type { Api } from "../../api/calls.ts";
import { Digesting } from "../../digesting.ts";
import { DOWNLOAD_BYTES_MAX, FETCH_LEFT_MS } from "../../limits.ts";
import { fetchParts } from "./fetch-parts.ts";
import { GrowingFile } from "./growing-file.ts";

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
  /** Those that are asked for now. */
  readonly #asked = new Map<string, Promise<ImageManifest>>();

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

  /** The names of an image's programs; the manifest is fetched unless it is here. @throws Error in words, CliError */
  async programs(image: string, api: Api): Promise<readonly string[]> {
    return Object.keys((await this.#manifest(api, image)).programs);
  }

  async #knownManifest(image: string): Promise<ImageManifest | null> {
    const known = imageManifestSchema.safeParse(
      parsed(await readFile(this.#manifestPath(image), "utf8").catch(() => "")),
    );
    return known.success && known.data.digest === image ? known.data : null;
  }

  #manifest(api: Api, image: string): Promise<ImageManifest> {
    const asked = this.#asked.get(image) ?? this.#askManifest(api, image).finally(() => this.#asked.delete(image));
    this.#asked.set(image, asked);
    return asked;
  }

  async #askManifest(api: Api, image: string): Promise<ImageManifest> {
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

  /**
   * The bytes are asked for before the manifest says which they are, as on a long line that takes a while; they are
   * unpacked and checked while they arrive.
   */
  async #fetch(image: string, key: string, { api, signal, onProgress }: FetchOptions): Promise<string> {
    const folder = join(this.#cacheDir, "files");
    await mkdir(folder, { recursive: true });
    await sweep(folder);
    const sent = join(folder, `${randomUUID()}.part`);
    const fresh = join(folder, `${randomUUID()}.new`);
    const enough = new AbortController();
    let fetching: Promise<void> = Promise.resolve();
    try {
      await using handle = await open(sent, "wx+");
      const growing = new GrowingFile(handle, COPY_BYTES);
      const source = {
        request: (first: number, last: number) => api.imageFile(image, key, { first, last }),
        bytesMax: DOWNLOAD_BYTES_MAX,
        signal: AbortSignal.any([signal, enough.signal]),
        onBytes: (bytes: number, total: number, inOrder: number) => {
          growing.grown(inOrder);
          onProgress(`${mebibytes(bytes)} of ${mebibytes(total)} MiB`);
        },
      };
      fetching = fetchParts(source, handle).then(
        () => growing.ended(),
        (cause: unknown) => growing.ended(cause),
      );
      try {
        const file = fileOf(await this.#manifest(api, image), key);
        const here = await this.#findFile(file);
        if (here !== null) return here;
        await unpack(growing.bytes(), fresh, { file, signal, onError: () => enough.abort() });
        const path = this.#pathOf(file);
        await mkdir(dirname(path), { recursive: true });
        await rename(fresh, path);
        return path;
      } finally {
        enough.abort();
        await fetching;
      }
    } finally {
      await rm(sent, { force: true });
      await rm(fresh, { force: true });
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
const HEAD_BYTES = 4;

interface Unpacking {
  /** What the bytes must be. */
  readonly file: ImageFile;
  readonly signal: AbortSignal;
  /** They cannot be used: no more need come. */
  readonly onError: () => void;
}

/** @throws Error where the bytes are not those of the manifest */
async function unpack(bytes: AsyncGenerator<Buffer>, to: string, { file, signal, onError }: Unpacking): Promise<void> {
  const check = new Digesting(file.bytes, `it is longer than ${file.bytes} bytes`);
  const first = await headOf(bytes);
  const isZstd = first.length >= HEAD_BYTES && first.readUInt32LE(0) === ZSTD_MAGIC;
  const plain = isZstd ? createZstdDecompress({ chunkSize: COPY_BYTES }) : new PassThrough();
  const target = createWriteStream(to, { flags: "wx" });
  plain.once("error", onError);
  check.once("error", onError);
  target.once("error", onError);
  await pipeline(Readable.from(withHead(first, bytes)), plain, check, target, { signal });
  if (check.bytes !== file.bytes || check.sha256() !== file.sha256) {
    throw new Error("what arrived is not what the image has (sha256)");
  }
}

async function headOf(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await bytes.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* withHead(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
