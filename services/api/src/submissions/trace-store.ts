import { randomUUID } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { RingsideError, type Seal } from "@ringside/shared";
import { TRACE_STORE_BYTES_MAX } from "../limits.ts";
import { emptyFolder, keepFile, readKept } from "./kept-file.ts";

/** A recording that goes on, as far as it was fetched. */
export interface TraceSoFar extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
  readonly lines: number;
}

const NEWLINE = 0x0a;

/** Sealed traces by their digest: `<data>/traces/<aa>/<sha256>.jsonl`. */
export class TraceStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(dataDir: string): Promise<TraceStore> {
    const store = new TraceStore(join(dataDir, "traces"));
    await emptyFolder(store.#temporaries);
    return store;
  }

  /** The file of a trace, whether it is there or not. */
  path(digest: string): string {
    return join(this.#folder, digest.slice(0, 2), `${digest}.jsonl`);
  }

  /**
   * Writes a trace down.
   * @throws RingsideError trace_damaged where the bytes are not those that were sealed, trace_full, storage_full
   */
  async put(seal: Seal, body: ReadableStream<Uint8Array>): Promise<void> {
    if (seal.bytes > TRACE_STORE_BYTES_MAX) {
      await body.cancel();
      throw new RingsideError("trace_full");
    }
    const place = { target: this.path(seal.digest), temporaries: this.#temporaries, folder: this.#folder };
    const exactly = { bytes: seal.bytes, sha256: seal.digest };
    await keepFile(place, body, { name: "The trace", bytesMax: TRACE_STORE_BYTES_MAX, exactly });
  }

  /**
   * Writes the recording of a session that goes on into a file that goes when it is disposed of.
   * @throws RingsideError trace_full, storage_full
   */
  async putSoFar(body: ReadableStream<Uint8Array>): Promise<TraceSoFar> {
    const path = join(this.#temporaries, `${randomUUID()}.so-far`);
    let [bytes, lines] = [0, 0];
    try {
      const file = await open(path, "wx", 0o600);
      try {
        for await (const chunk of body) {
          bytes += chunk.length;
          if (bytes > TRACE_STORE_BYTES_MAX) {
            throw new RingsideError("trace_full");
          }
          lines += chunk.reduce((count, byte) => (byte === NEWLINE ? count + 1 : count), 0);
          await file.writeFile(chunk);
        }
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true });
      throw (error as NodeJS.ErrnoException).code === "ENOSPC"
        ? new RingsideError("storage_full", { cause: error })
        : error;
    }
    return { path, bytes, lines, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
  }

  /** @throws RingsideError trace_damaged where the file is not there any more */
  async read(digest: string): Promise<{ readonly bytes: number; readonly stream: Readable }> {
    const file = await readKept(this.path(digest));
    if (file === null) {
      throw missing();
    }
    return file;
  }

  /** The last bytes of a stored trace, at most so many. @throws RingsideError trace_damaged as read() does */
  async tail(digest: string, bytesMax: number): Promise<Buffer> {
    const path = this.path(digest);
    await using file = await open(path).catch((cause: unknown) => {
      throw missing(cause);
    });
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(bytesMax, size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, bytesRead);
  }

  get #temporaries(): string {
    return join(this.#folder, "tmp");
  }
}

const missing = (cause?: unknown): RingsideError =>
  new RingsideError("trace_damaged", { message: "The trace's file is missing on the server", cause });
