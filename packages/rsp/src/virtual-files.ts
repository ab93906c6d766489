import { OPEN_FILES_MAX, VIRTUAL_READ_BYTES_MAX } from "./limits.ts";
import type { FileRequest } from "./packets/host.ts";

/**
 * A read-only file system of exactly the files that it is made of, as gdb sees it through `vFile` packets. It keeps
 * what is open and decides; the bytes come from whoever asks it. One for each connection.
 */
export interface VirtualFile {
  /** As gdb names it, from `/` on; one character per byte. */
  readonly path: string;
  readonly bytes: number;
}

export type FileOutcome =
  | { readonly kind: "reply"; readonly payload: string }
  /** To be read, and answered with readReply(); `bytes` is at least 1 and lies within the file. */
  | { readonly kind: "read"; readonly path: string; readonly offset: number; readonly bytes: number };

/** Errors by their numbers in gdb's File-I/O protocol, which are not everywhere those of the host. */
const ERRNO = { ENOENT: 2, EBADF: 9, EIO: 5, EINVAL: 22, EMFILE: 24, EROFS: 30 } as const;
const READ_ONLY = 0;
const REGULAR_FILE = 0o100_444;
const BLOCK_BYTES = 4_096;
const STAT_BLOCK_BYTES = 512;

const reply = (payload: string): FileOutcome => ({ kind: "reply", payload });
const failed = (error: keyof typeof ERRNO): FileOutcome => reply(`F-1,${ERRNO[error].toString(16)}`);
const withData = (data: string): string => `F${data.length.toString(16)};${data}`;

/** The answer to a read that could be carried out. */
export function readReply(bytes: Uint8Array): string {
  return withData(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1"));
}

/** The answer to a read that could not. */
export const READ_FAILED = `F-1,${ERRNO.EIO.toString(16)}`;

/** `struct stat` of the File-I/O protocol: 64 bytes, big-endian. */
function statReply(bytes: number): string {
  const fields: ReadonlyArray<readonly [value: number, size: 4 | 8]> = [
    ...([
      [0, 4],
      [0, 4],
      [REGULAR_FILE, 4],
      [1, 4],
      [0, 4],
      [0, 4],
      [0, 4],
    ] as const),
    ...([
      [bytes, 8],
      [BLOCK_BYTES, 8],
      [Math.ceil(bytes / STAT_BLOCK_BYTES), 8],
    ] as const),
    ...([
      [0, 4],
      [0, 4],
      [0, 4],
    ] as const),
  ];
  let data = "";
  for (const [value, size] of fields) {
    for (let at = size - 1; at >= 0; at -= 1) data += String.fromCharCode(Math.floor(value / 256 ** at) % 256);
  }
  return withData(data);
}

export class VirtualFiles {
  readonly #files: ReadonlyMap<string, VirtualFile>;
  readonly #open = new Map<number, VirtualFile>();

  constructor(files: readonly VirtualFile[]) {
    this.#files = new Map(files.map((file) => [file.path, file]));
  }

  /** Files that are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Carries out a request. An unknown one gets the empty reply: "not supported". */
  take(request: FileRequest): FileOutcome {
    switch (request.operation) {
      case "setfs":
        return reply("F0");
      case "open":
        return this.#openFile(request.path, request.flags);
      case "close":
        return this.#open.delete(request.handle) ? reply("F0") : failed("EBADF");
      case "pread":
        return this.#read(request);
      case "fstat": {
        const file = this.#open.get(request.handle);
        return file === undefined ? failed("EBADF") : reply(statReply(file.bytes));
      }
      case "stat": {
        const file = this.#files.get(request.path);
        return file === undefined ? failed("ENOENT") : reply(statReply(file.bytes));
      }
      case "readlink":
        return failed(this.#files.has(request.path) ? "EINVAL" : "ENOENT");
      case "pwrite":
      case "unlink":
        return failed("EROFS");
      case "other":
        return reply("");
      default:
        return request satisfies never;
    }
  }

  #openFile(path: string, flags: number): FileOutcome {
    const file = this.#files.get(path);
    if (file === undefined) return failed("ENOENT");
    if (flags !== READ_ONLY) return failed("EROFS");
    for (let handle = 0; handle < OPEN_FILES_MAX; handle += 1) {
      if (this.#open.has(handle)) continue;
      this.#open.set(handle, file);
      return reply(`F${handle.toString(16)}`);
    }
    return failed("EMFILE");
  }

  #read({ handle, length, offset }: Extract<FileRequest, { operation: "pread" }>): FileOutcome {
    const file = this.#open.get(handle);
    if (file === undefined) return failed("EBADF");
    const bytes = Math.min(length, VIRTUAL_READ_BYTES_MAX, Math.max(0, file.bytes - offset));
    return bytes === 0 ? reply(withData("")) : { kind: "read", path: file.path, offset, bytes };
  }
}

/**
 * The answer to a `qXfer:…:read` of a document that is at hand.
 * @param document one character per byte
 * @param offset from which on, in bytes
 * @param length at most so many bytes
 */
export function transferReply(document: string, offset: number, length: number): string {
  const piece = document.slice(offset, offset + length);
  return `${offset + piece.length < document.length ? "m" : "l"}${piece}`;
}
