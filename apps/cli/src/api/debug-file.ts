import { type Image, imagePath } from "@ringside/image";
import type { Session } from "@ringside/shared";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { ImageFiles } from "../near/files/image-files.ts";
import { startProgress } from "../output/progress.ts";
import type { DebugFiles } from "../processes/gdb.ts";
import { sourceTree } from "../processes/source-tree.ts";
import { cacheFolder, localImage } from "../setup/image.ts";
import type { Api } from "./calls.ts";

/**
 * The kernel's debug file for a session: from this machine's images where it is here, with the source tree, else
 * fetched once from the server into the cache; gdb then gets sources from the server as it shows them.
 */
export async function debugFiles(context: Context, api: Api, session: Pick<Session, "image">): Promise<DebugFiles> {
  const image = await localImage(context, session.image);
  if (image) return localDebugFiles(context, image);
  return { debug: await fetchDebugFile(context, api, session.image), sources: undefined, debuginfod: api.options.url };
}

/** The debug file and source tree of an image of this machine. */
export async function localDebugFiles(context: Context, image: Image): Promise<DebugFiles> {
  const sources = await sourceTree(image, cacheFolder(context), context.signal);
  return { debug: imagePath(image, "debug"), sources };
}

async function fetchDebugFile(context: Context, api: Api, image: string): Promise<string> {
  const files = new ImageFiles(cacheFolder(context));
  const { signal } = context;
  const here = await files.find(image, "debug");
  if (here !== null) return here;
  using progress = startProgress(context, "fetching the kernel's symbols (once)");
  const startedAt = performance.now();
  try {
    const path = await files.need(image, "debug", { api, signal, onProgress: progress.update });
    progress.done(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    return path;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof CliError) throw cause;
    const words = `The kernel's symbols could not be fetched: ${(cause as Error).message}. Try again.`;
    throw new CliError("try_later", words, { cause });
  }
}
