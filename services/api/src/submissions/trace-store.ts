import { join } from "node:path";
import type { Readable } from "node:stream";
import { RingsideError, type Seal } from "@ringside/shared";
import { TRACE_STORE_BYTES_MAX } from "../limits.ts";
import { emptyFolder, keepFile, readKept } from "./kept-file.ts";

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

  /** @throws RingsideError trace_damaged where the file is not there any more */
  async read(digest: string): Promise<{ readonly bytes: number; readonly stream: Readable }> {
    const file = await readKept(this.path(digest));
    if (file === null) {
      throw new RingsideError("trace_damaged", { message: "The trace's file is missing on the server" });
    }
    return file;
  }

  get #temporaries(): string {
    return join(this.#folder, "tmp");
  }
}
