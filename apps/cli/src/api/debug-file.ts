import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Image, imagePath } from "@ringside/image";
import type { Session } from "@ringside/shared";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { DOWNLOAD_BYTES_MAX } from "../limits.ts";
import { startProgress } from "../output/progress.ts";
import type { DebugFiles } from "../processes/gdb.ts";
import { sourceTree } from "../processes/source-tree.ts";
import { cacheFolder, localImage } from "../setup/image.ts";
import type { Api } from "./calls.ts";

/**
 * The kernel's debug file for a session: from this machine's images where it is here, with the source tree, else
 * fetched once from the server into the cache, under the image's digest.
 */
export async function debugFiles(context: Context, api: Api, session: Pick<Session, "image">): Promise<DebugFiles> {
  const image = await localImage(context, session.image);
  if (image) return localDebugFiles(context, image);
  const debug = join(cacheFolder(context), "debug", session.image, "vmlinux");
  const there = await stat(debug).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!there) await download(context, api, session.image, debug);
  return { debug, sources: undefined };
}

/** The debug file and source tree of an image of this machine. */
export async function localDebugFiles(context: Context, image: Image): Promise<DebugFiles> {
  const sources = await sourceTree(image, cacheFolder(context), context.signal);
  return { debug: imagePath(image, "debug"), sources };
}

async function download(context: Context, api: Api, image: string, path: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  using progress = startProgress(context, "fetching the kernel's symbols (once)");
  const response = await api.debugFile(image);
  const total = Number(response.headers.get("content-length")) || undefined;
  const hash = createHash("sha256");
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      progress.update(`${mebibytes(bytes)}${total ? ` of ${mebibytes(total)}` : ""} MiB`);
      done(bytes > DOWNLOAD_BYTES_MAX ? new Error(`the file is larger than ${DOWNLOAD_BYTES_MAX} bytes`) : null, chunk);
    },
  });
  try {
    if (!response.body) throw new Error("the answer was empty");
    await pipeline(Readable.fromWeb(response.body as never), counter, createWriteStream(fresh), {
      signal: context.signal,
    });
    if (total !== undefined && bytes !== total) throw new Error(`it ended after ${bytes} of ${total} bytes`);
    const digest = /"?([0-9a-f]{64})"?/.exec(response.headers.get("etag") ?? "")?.[1];
    if (digest !== undefined && digest !== hash.digest("hex"))
      throw new Error("what arrived is not what was sent (sha256)");
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    context.signal.throwIfAborted();
    throw new CliError(
      "try_later",
      `The kernel's symbols could not be fetched: ${(cause as Error).message}. Try again.`,
      { cause },
    );
  }
  progress.done(`${mebibytes(bytes)} MiB`);
}

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);
