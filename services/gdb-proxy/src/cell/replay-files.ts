import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { writeTemplateArchive } from "@ringside/emulator";
import { RECORDING_BYTES_MAX, RingsideError, recordingPath } from "@ringside/shared";
import type { Logger } from "pino";
import { TEMPLATE_FILE_BYTES_MAX, TEMPLATES_MAX } from "../limits.ts";

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
    const folder = await this.#folderOf(contents);
    const archive = new PassThrough();
    writeTemplateArchive(folder, archive).catch((error: unknown) => {
      this.#options.log.warn({ err: error, contents }, "a template was not handed out whole");
      archive.destroy();
    });
    return archive;
  }

  async #folderOf(contents: string): Promise<string> {
    const root = join(this.#options.cacheDirectory, "templates");
    const names = await readdir(root).catch(missing);
    for (const name of names.slice(0, TEMPLATES_MAX)) {
      if ((await contentsOf(join(root, name, "template.json"))) === contents) return join(root, name);
    }
    throw new RingsideError("not_found", { message: "This cell has no such template any more" });
  }
}

/** Null for what is no template, or not yet. */
async function contentsOf(path: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > TEMPLATE_FILE_BYTES_MAX) return null;
    return (JSON.parse(await readFile(path, "utf8")) as { contents?: unknown }).contents;
  } catch {
    return null;
  }
}

function missing(cause: NodeJS.ErrnoException): never {
  throw cause.code === "ENOENT" ? new RingsideError("not_found", { cause }) : cause;
}
