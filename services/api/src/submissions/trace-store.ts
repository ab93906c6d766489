import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { RingsideError, type Seal } from "@ringside/shared";
import { TRACE_STORE_BYTES_MAX } from "../limits.ts";

/**
 * Sealed traces by their digest: `<data>/traces/<aa>/<sha256>.jsonl`. A file appears by one rename after its
 * bytes are on disk and their digest is right, and never changes again. What a crash leaves stands in
 * `<data>/traces/tmp` and goes at the next start.
 */

export class TraceStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(dataDir: string): Promise<TraceStore> {
    const store = new TraceStore(join(dataDir, "traces"));
    await mkdir(store.#temporaryFolder, { recursive: true, mode: 0o700 });
    for (const left of await readdir(store.#temporaryFolder)) {
      await rm(join(store.#temporaryFolder, left), { force: true });
    }
    return store;
  }

  /** The file of a trace, whether it is there or not. */
  path(digest: string): string {
    return join(this.#folder, digest.slice(0, 2), `${digest}.jsonl`);
  }

  /**
   * Writes a trace down.
   * @throws RingsideError trace_damaged where the bytes are not those that were sealed, storage_full
   */
  async put(seal: Seal, body: ReadableStream<Uint8Array>): Promise<void> {
    if (seal.bytes > TRACE_STORE_BYTES_MAX) {
      throw new RingsideError("trace_full");
    }
    const target = this.path(seal.digest);
    if (await exists(target)) {
      await body.cancel();
      return;
    }
    const temporary = join(this.#temporaryFolder, randomUUID());
    try {
      await writeChecked(temporary, seal, body);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await rename(temporary, target);
      await syncFolder(dirname(target));
      await syncFolder(this.#folder);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === "ENOSPC"
        ? new RingsideError("storage_full", { cause: error })
        : error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** @throws RingsideError trace_damaged where the file is not there any more */
  async read(digest: string): Promise<{ readonly bytes: number; readonly stream: Readable }> {
    const path = this.path(digest);
    const found = await stat(path).catch((cause: unknown) => {
      throw new RingsideError("trace_damaged", { message: "The trace's file is missing on the server", cause });
    });
    return { bytes: found.size, stream: createReadStream(path) };
  }

  get #temporaryFolder(): string {
    return join(this.#folder, "tmp");
  }
}

async function writeChecked(path: string, seal: Seal, body: ReadableStream<Uint8Array>): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > seal.bytes) {
        throw damaged(`it is longer than the ${seal.bytes} bytes that were sealed`);
      }
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    if (bytes !== seal.bytes) {
      throw damaged(`${bytes} of the ${seal.bytes} bytes that were sealed arrived`);
    }
    if (hash.digest("hex") !== seal.digest) {
      throw damaged("its digest is not the sealed one");
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

const damaged = (what: string): RingsideError =>
  new RingsideError("trace_damaged", { message: `The trace did not arrive whole: ${what}` });

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Makes a rename last through a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
