import { join } from "node:path";
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
 * fetched once from the server into the cache; gdb then gets sources from the server as it shows them. The lab's
 * programs come along.
 */
export async function debugFiles(context: Context, api: Api, session: Pick<Session, "image">): Promise<DebugFiles> {
  const image = await localImage(context, session.image);
  if (image) return localDebugFiles(context, image);
  const files = new ImageFiles(cacheFolder(context));
  const [debug, programs] = await Promise.all([
    fetchDebugFile(context, api, session.image, files),
    // gdb does without them.
    fetchPrograms(context, api, session.image, files).catch(() => ({})),
  ]);
  return { debug, programs, sources: undefined, debuginfod: api.options.url };
}

/** The debug file, programs and source tree of an image of this machine. */
export async function localDebugFiles(context: Context, image: Image): Promise<DebugFiles> {
  const sources = await sourceTree(image, cacheFolder(context), context.signal);
  const programs = Object.entries(image.manifest.programs).map(([name, { path }]) => [name, join(image.folder, path)]);
  return { debug: imagePath(image, "debug"), programs: Object.fromEntries(programs), sources };
}

async function fetchPrograms(context: Context, api: Api, image: string, files: ImageFiles) {
  const options = { api, signal: context.signal, onProgress: () => undefined };
  const names = await files.programs(image, api);
  const paths = await Promise.all(names.map((name) => files.need(image, name, options)));
  return Object.fromEntries(names.map((name, n) => [name, paths[n] ?? ""]));
}

async function fetchDebugFile(context: Context, api: Api, image: string, files: ImageFiles): Promise<string> {
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
