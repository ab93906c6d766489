import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type Image, type SourceTreeName, sourcesPath } from "@ringside/image";
import { SOURCE_TREES_MAX } from "../limits.ts";
import { type TarEntry, TarIndex } from "./tar-index.ts";

/** A source file: a part of an archive. */
export interface SourceFile extends TarEntry {
  readonly archive: string;
}

interface Tree {
  readonly archive: string;
  readonly entries: ReadonlyMap<string, TarEntry>;
}

const TEMPORARY = ".new";

/**
 * The source trees of images: an image's archive is unzipped once, to one file, and read by an index of it. A name
 * that is not in the index is not there, whatever it looks like.
 */
export class SourceTrees {
  readonly #folder: string;
  readonly #signal: AbortSignal;
  /** By the tree's name and the image's folder, the one used last at the end. */
  readonly #trees = new Map<string, Promise<Tree | null>>();

  private constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** @param signal the server shuts down */
  static async open(dataDir: string, signal: AbortSignal): Promise<SourceTrees> {
    const folder = join(dataDir, "sources");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const left of await readdir(folder)) {
      if (left.endsWith(TEMPORARY)) {
        await rm(join(folder, left), { force: true });
      }
    }
    return new SourceTrees(folder, signal);
  }

  /**
   * @param name relative to the tree, without `.` and `..`
   * @returns null where the tree has no such file, or the image brings no sources
   */
  async find(image: Image, of: SourceTreeName, name: string): Promise<SourceFile | null> {
    const tree = await this.#tree(image, of);
    const entry = tree?.entries.get(name);
    return tree === null || entry === undefined ? null : { ...entry, archive: tree.archive };
  }

  async #tree(image: Image, of: SourceTreeName): Promise<Tree | null> {
    const key = `${of} ${image.folder}`;
    const tree = this.#trees.get(key) ?? this.#load(image, of);
    this.#trees.delete(key);
    this.#trees.set(key, tree);
    const [oldest] = this.#trees.keys();
    if (this.#trees.size > SOURCE_TREES_MAX && oldest !== undefined) {
      this.#trees.delete(oldest);
    }
    tree.catch(() => this.#trees.delete(key));
    return tree;
  }

  async #load(image: Image, of: SourceTreeName): Promise<Tree | null> {
    const archive = join(this.#folder, `${image.manifest.inputsDigest}.${of}.tar`);
    const packed = sourcesPath(image, of);
    const index = new TarIndex();
    if ((await stat(archive).catch(() => null)) !== null) {
      for await (const chunk of createReadStream(archive, { signal: this.#signal })) {
        index.push(chunk as Buffer);
      }
      return { archive, entries: index.entries };
    }
    if ((await stat(packed).catch(() => null)) === null) {
      return null;
    }
    await this.#unzip(packed, archive, index);
    return { archive, entries: index.entries };
  }

  async #unzip(from: string, archive: string, index: TarIndex): Promise<void> {
    const temporary = `${archive}.${randomUUID()}${TEMPORARY}`;
    const watch = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        try {
          index.push(chunk);
          done(null, chunk);
        } catch (error) {
          done(error as Error);
        }
      },
    });
    try {
      const parts = [
        createReadStream(from),
        createGunzip(),
        watch,
        createWriteStream(temporary, { mode: 0o600 }),
      ] as const;
      await pipeline(...parts, { signal: this.#signal });
      await rename(temporary, archive);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}
