import { createWriteStream } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ctfMetadata, ctfPackets, type ExportInput } from "@ringside/trace";
import { CliError } from "../exit-codes.ts";

/**
 * Writes a file, in place of one that is there. @returns its bytes
 * @throws CliError where it cannot be written
 */
export async function writeFile(
  pieces: Iterable<string | Uint8Array>,
  path: string,
  signal: AbortSignal,
): Promise<number> {
  const file = createWriteStream(path);
  try {
    await pipeline(Readable.from(pieces, { objectMode: true }), file, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new CliError("failed", `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
  return file.bytesWritten;
}

/**
 * Writes a trace in the Common Trace Format: a folder with `metadata` and one stream. @returns bytes of both
 * @throws CliError where the folder holds something already, or cannot be written
 */
export async function writeCtfFolder(input: ExportInput, folder: string, signal: AbortSignal): Promise<number> {
  const there = await mkdir(folder, { recursive: true })
    .then(() => readdir(folder))
    .catch((cause: Error) => {
      throw new CliError("failed", `${folder} cannot be written: ${cause.message}`, { cause });
    });
  if (there.length > 0) throw new CliError("failed", `${folder} is not empty: a trace needs a folder to itself`);
  const metadata = await writeFile([ctfMetadata(input)], join(folder, "metadata"), signal);
  return metadata + (await writeFile(ctfPackets(input), join(folder, "stream"), signal));
}
