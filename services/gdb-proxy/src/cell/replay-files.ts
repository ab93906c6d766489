import { open } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { templateFolder, writeTemplateArchive } from "@ringside/emulator";
import { RECORDING_BYTES_MAX, RingsideError, recordingPath } from "@ringside/shared";
import type { Logger } from "pino";

export interface ReplayFilesOptions {
  readonly dataDirectory: string;
  readonly cacheDirectory: string;
  readonly log: Logger;
}

/** What a replay needs beside the trace, as this cell's runner has left it on disk: logs and templates. */
export class ReplayFiles {
  readonly #options: ReplayFilesOptions;

  constructor(options: ReplayFilesOptions) {
    this.#options = options;
  }

  /** A recorded machine's log. @throws RingsideError not_found */
  async recording(session: string, epoch: number): Promise<Readable> {
    const file = await open(join(this.#options.dataDirectory, recordingPath(session, epoch)), "r").catch(missing);
    return file.createReadStream({ end: RECORDING_BYTES_MAX - 1 });
  }

  /** The archive of the template with these contents (sha256). @throws RingsideError not_found */
  async template(contents: string): Promise<Readable> {
    const folder = await templateFolder(this.#options.cacheDirectory, contents);
    if (folder === null) throw new RingsideError("not_found", { message: "This cell has no such template any more" });
    const archive = new PassThrough();
    writeTemplateArchive(folder, archive).catch((error: unknown) => {
      this.#options.log.warn({ err: error, contents }, "a template was not handed out whole");
      archive.destroy();
    });
    return archive;
  }
}

function missing(cause: NodeJS.ErrnoException): never {
  throw cause.code === "ENOENT" ? new RingsideError("not_found", { cause }) : cause;
}
