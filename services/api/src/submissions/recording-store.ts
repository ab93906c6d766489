import { join } from "node:path";
import type { Readable } from "node:stream";
import { RingsideError, type SessionRecording, TEMPLATE_ARCHIVE_BYTES_MAX } from "@ringside/shared";
import { RECORDING_STORE_BYTES_MAX } from "../limits.ts";
import { emptyFolder, exists, keepFile, readKept } from "./kept-file.ts";

/**
 * What a replay needs: logs by their digest, `<data>/recordings/<aa>/<sha256>.rr`, and once for each template that
 * one of them names its archive, `<data>/templates/<contents>.archive`. The name of an archive is the digest of what
 * is packed in it: whoever unpacks it checks that.
 */
export class RecordingStore {
  readonly #recordings: string;
  readonly #templates: string;
  /** Templates on their way: a class that submits at once fetches one. */
  readonly #fetching = new Map<string, Promise<void>>();

  private constructor(dataDir: string) {
    this.#recordings = join(dataDir, "recordings");
    this.#templates = join(dataDir, "templates");
  }

  static async open(dataDir: string): Promise<RecordingStore> {
    const store = new RecordingStore(dataDir);
    await emptyFolder(join(store.#recordings, "tmp"));
    await emptyFolder(join(store.#templates, "tmp"));
    return store;
  }

  /** @throws RingsideError trace_damaged where the bytes are not those that the cell named, trace_full, storage_full */
  async putRecording({ sha256, bytes }: SessionRecording, body: ReadableStream<Uint8Array>): Promise<void> {
    if (bytes > RECORDING_STORE_BYTES_MAX) {
      await body.cancel();
      throw new RingsideError("trace_full");
    }
    const place = {
      target: this.#recordingPath(sha256),
      temporaries: join(this.#recordings, "tmp"),
      folder: this.#recordings,
    };
    const expected = { name: "The replay log", bytesMax: RECORDING_STORE_BYTES_MAX, exactly: { bytes, sha256 } };
    await keepFile(place, body, expected);
  }

  /**
   * Fetches a template's archive, unless it is there or on its way.
   * @throws RingsideError trace_damaged where it is longer than an archive may be, storage_full; whatever `fetch` throws
   */
  async needTemplate(contents: string, fetch: () => Promise<ReadableStream<Uint8Array>>): Promise<void> {
    const fetching = this.#fetching.get(contents) ?? this.#fetchTemplate(contents, fetch);
    this.#fetching.set(contents, fetching);
    try {
      await fetching;
    } finally {
      this.#fetching.delete(contents);
    }
  }

  /** null where there is no such file. */
  async readRecording(sha256: string): Promise<{ readonly bytes: number; readonly stream: Readable } | null> {
    return readKept(this.#recordingPath(sha256));
  }

  /** null where there is no such file. */
  async readTemplate(contents: string): Promise<{ readonly bytes: number; readonly stream: Readable } | null> {
    return readKept(this.#templatePath(contents));
  }

  async #fetchTemplate(contents: string, fetch: () => Promise<ReadableStream<Uint8Array>>): Promise<void> {
    const target = this.#templatePath(contents);
    if (await exists(target)) {
      return;
    }
    const place = { target, temporaries: join(this.#templates, "tmp"), folder: this.#templates };
    await keepFile(place, await fetch(), {
      name: "The template's archive",
      bytesMax: TEMPLATE_ARCHIVE_BYTES_MAX,
      exactly: null,
    });
  }

  #recordingPath(sha256: string): string {
    return join(this.#recordings, sha256.slice(0, 2), `${sha256}.rr`);
  }

  #templatePath(contents: string): string {
    return join(this.#templates, `${contents}.archive`);
  }
}
