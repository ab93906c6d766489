import { open } from "node:fs/promises";
import { join } from "node:path";
import { findImage, loadImage } from "@ringside/image";
import type { VirtualFile } from "@ringside/rsp";
import type { Logger } from "pino";
import { FILE_SETS_MAX } from "../limits.ts";
import { type Patch, withoutDebug } from "./without-debug.ts";

/** A file of this host, and what gdb is to see of it. */
export interface CellFile extends VirtualFile {
  readonly hostPath: string;
  readonly patches: readonly Patch[];
}

/** What a gdb may read: exactly these. */
export interface FileSet {
  /** The one that gdb debugs when nobody gave it another. */
  readonly main: CellFile;
  readonly all: readonly CellFile[];
}

/**
 * The images of this host as file systems for gdb:
 *
 *   /<image>/vmlinux          the kernel with its symbols, without its debug information
 *   /<image>/debug/vmlinux    the whole file, for who has a short line: `symbol-file target:/…`
 *   /<image>/programs/<name>  the lab's programs
 */
export class CellFiles {
  readonly #cacheDir: string;
  readonly #log: Logger;
  readonly #known = new Map<string, Promise<FileSet | null>>();

  constructor(cacheDir: string, log: Logger) {
    this.#cacheDir = cacheDir;
    this.#log = log;
  }

  /**
   * @param image a digest
   * @returns null where the image is not on this host, or is no kernel of ours: gdb is then offered nothing
   */
  find(image: string): Promise<FileSet | null> {
    const known = this.#known.get(image) ?? this.#look(image);
    this.#known.delete(image);
    this.#known.set(image, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > FILE_SETS_MAX && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }

  async #look(digest: string): Promise<FileSet | null> {
    const found = await this.#load(digest).catch((error: unknown) => {
      this.#log.warn({ err: error, image: digest }, "an image's files are not offered to gdb");
      return null;
    });
    if (found === null) this.#known.delete(digest);
    return found;
  }

  async #load(digest: string): Promise<FileSet | null> {
    const folder = await findImage(this.#cacheDir, digest);
    if (folder === null) return null;
    const { name, files, programs } = (await loadImage(folder)).manifest;
    const hostPath = join(folder, files.debug.path);
    await using handle = await open(hostPath, "r");
    const patches = await withoutDebug(handle);
    if (patches === null) return null;
    const kernel = { hostPath, bytes: files.debug.bytes };
    const main = { ...kernel, path: `/${name}/vmlinux`, patches };
    const others = Object.entries(programs).map(([program, file]) => ({
      path: `/${name}/programs/${program}`,
      bytes: file.bytes,
      hostPath: join(folder, file.path),
      patches: [],
    }));
    return { main, all: [main, { ...kernel, path: `/${name}/debug/vmlinux`, patches: [] }, ...others] };
  }
}
