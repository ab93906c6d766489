import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { RingsideError } from "@ringside/shared";

/**
 * Files that came from a cell and never change again. A file appears by one rename after its bytes are on disk and
 * found right. What a crash leaves stands in a folder of temporary files, which is emptied at the next start.
 */
export interface Expected {
  /** For people: "The trace". */
  readonly name: string;
  readonly bytesMax: number;
  /** null where whoever reads the file checks it. */
  readonly exactly: { readonly bytes: number; readonly sha256: string } | null;
}

export async function emptyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const left of await readdir(folder)) {
    await rm(join(folder, left), { force: true });
  }
}

/**
 * Writes `body` to `target`, unless it is there already.
 * @param folder which stays when the machine loses power; `target` is at most one folder below it
 * @throws RingsideError trace_damaged where the bytes are not those that are expected, storage_full
 */
export async function keepFile(
  { target, temporaries, folder }: { readonly target: string; readonly temporaries: string; readonly folder: string },
  body: ReadableStream<Uint8Array>,
  expected: Expected,
): Promise<void> {
  if (await exists(target)) {
    await body.cancel();
    return;
  }
  const temporary = join(temporaries, randomUUID());
  try {
    await writeChecked(temporary, body, expected);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(temporary, target);
    await syncFolder(dirname(target));
    await syncFolder(folder);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOSPC"
      ? new RingsideError("storage_full", { cause: error })
      : error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeChecked(path: string, body: ReadableStream<Uint8Array>, expected: Expected): Promise<void> {
  const { name, bytesMax, exactly } = expected;
  const most = exactly?.bytes ?? bytesMax;
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > most) {
        throw damaged(name, `it is longer than ${most} bytes`);
      }
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    if (exactly !== null && bytes !== exactly.bytes) {
      throw damaged(name, `${bytes} of ${exactly.bytes} bytes arrived`);
    }
    if (exactly !== null && hash.digest("hex") !== exactly.sha256) {
      throw damaged(name, "its digest is not the one that was announced");
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

const damaged = (name: string, what: string): RingsideError =>
  new RingsideError("trace_damaged", { message: `${name} did not arrive whole: ${what}` });

/** @returns null where there is no such file */
export async function readKept(path: string): Promise<{ readonly bytes: number; readonly stream: Readable } | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : { bytes: found.size, stream: createReadStream(path) };
}

export async function exists(path: string): Promise<boolean> {
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
