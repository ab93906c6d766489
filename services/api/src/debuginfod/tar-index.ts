import { RingsideError } from "@ringside/shared";
import { SOURCE_FILES_MAX, SOURCES_BYTES_MAX } from "../limits.ts";

/** Where a file's bytes stand in a tar archive. */
export interface TarEntry {
  readonly offset: number;
  readonly bytes: number;
}

const BLOCK_BYTES = 512;
const NAME = { at: 0, bytes: 100 };
const SIZE = { at: 124, bytes: 12 };
const TYPE_AT = 156;
const PREFIX = { at: 345, bytes: 155 };
const MAGIC = { at: 257, bytes: 6 };
/** A GNU archive's head with another name after this one's: `K` for a link's target, `L` for the file itself. */
const LONG_NAME = "L";
const NAME_BYTES_MAX = 4_096;

const broken = (what: string): RingsideError =>
  new RingsideError("internal", { message: `The image's source archive cannot be read: ${what}` });

const textAt = (block: Buffer, { at, bytes }: { readonly at: number; readonly bytes: number }): string =>
  block.toString("latin1", at, at + bytes).replace(/\0.*$/s, "");

/**
 * Notes where the regular files of a tar archive stand, while its bytes pass by in pieces of any size (POSIX ustar
 * with GNU's long names). Everything else in the archive is passed over.
 */
export class TarIndex {
  readonly entries = new Map<string, TarEntry>();
  #held: Buffer = Buffer.alloc(0);
  /** Of the archive: where #held begins. */
  #at = 0;
  /** Bytes that are passed over before the next head. */
  #skip = 0;
  #longName: string | null = null;
  #nameBytes = 0;

  /** @throws RingsideError where this is no archive, or one beyond the limits */
  push(chunk: Buffer): void {
    if (this.#at + chunk.length > SOURCES_BYTES_MAX) {
      throw broken(`it is larger than ${SOURCES_BYTES_MAX} bytes`);
    }
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skip, this.#held.length);
      this.#skip -= skipped;
      this.#pass(skipped);
      const needed = this.#nameBytes > 0 ? Math.ceil(this.#nameBytes / BLOCK_BYTES) * BLOCK_BYTES : BLOCK_BYTES;
      if (this.#skip > 0 || this.#held.length < needed) {
        return;
      }
      this.#block(this.#held.subarray(0, needed));
    }
  }

  #pass(bytes: number): void {
    this.#held = this.#held.subarray(bytes);
    this.#at += bytes;
  }

  #block(block: Buffer): void {
    this.#pass(block.length);
    if (this.#nameBytes > 0) {
      this.#longName = textAt(block, { at: 0, bytes: this.#nameBytes });
      this.#nameBytes = 0;
      return;
    }
    // Two empty blocks end an archive; what follows them is padding.
    if (block.every((byte) => byte === 0)) {
      return;
    }
    if (!textAt(block, MAGIC).startsWith("ustar")) {
      throw broken("it is no tar archive");
    }
    this.#head(block);
  }

  #head(block: Buffer): void {
    const size = textAt(block, SIZE).trim();
    const bytes = Number.parseInt(size, 8);
    if (!/^[0-7]+$/.test(size) || bytes > SOURCES_BYTES_MAX) {
      throw broken("a file's size in it is wrong");
    }
    const type = String.fromCharCode(block[TYPE_AT] ?? 0);
    if (type === LONG_NAME) {
      if (bytes === 0 || bytes > NAME_BYTES_MAX) {
        throw broken("a file's name in it is too long");
      }
      this.#nameBytes = bytes;
      return;
    }
    if (type === "0" || type === "\0") {
      this.#add(this.#longName ?? nameIn(block), { offset: this.#at, bytes });
    }
    if (type !== "K") {
      this.#longName = null;
    }
    this.#skip = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
  }

  #add(name: string, entry: TarEntry): void {
    if (this.entries.size >= SOURCE_FILES_MAX) {
      throw broken(`it has more than ${SOURCE_FILES_MAX} files`);
    }
    this.entries.set(name.replace(/^(?:\.\/)+/, ""), entry);
  }
}

/** GNU's own format has other things where POSIX has a prefix. */
function nameIn(block: Buffer): string {
  const prefix = textAt(block, MAGIC) === "ustar" ? textAt(block, PREFIX) : "";
  return prefix === "" ? textAt(block, NAME) : `${prefix}/${textAt(block, NAME)}`;
}
