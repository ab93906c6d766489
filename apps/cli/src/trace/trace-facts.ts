import { readFile } from "node:fs/promises";
import { type Image, imagePath } from "@ringside/image";
import { type FunctionRow, functionTableSchema } from "@ringside/shared";
import { deriveFacts, type Fact, parseSymbols, SymbolTable, type TraceEvent } from "@ringside/trace";
import { createApi } from "../api/calls.ts";
import { loadCredentials } from "../api/credentials.ts";
import { type Context, note } from "../context.ts";
import { ImageFiles } from "../near/files/image-files.ts";
import { startProgress } from "../output/progress.ts";
import { cacheFolder, localImage } from "../setup/image.ts";

interface ImageTables {
  readonly symbols: SymbolTable;
  readonly functions: readonly FunctionRow[];
}

/**
 * What a recording says in the words of debugging. Symbols come from the image that it names: from this machine, else
 * from the server; without either, places are addresses, and a note says so.
 */
export async function factsOf(context: Context, events: readonly TraceEvent[]): Promise<readonly Fact[]> {
  const [opened] = events;
  if (opened?.type !== "trace.opened") return [];
  const tables = await findTables(context, opened.image).catch((error: unknown) => {
    context.signal.throwIfAborted();
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    note(context, `The kernel's symbols are not at hand (${why}): places are shown as addresses.`);
    return { symbols: new SymbolTable([]), functions: [] };
  });
  return deriveFacts({ events, ...tables });
}

async function findTables(context: Context, image: string): Promise<ImageTables> {
  const local = await localImage(context, image);
  const paths = local === undefined ? await fetchTables(context, image) : pathsIn(local);
  const [symbols, functions] = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return {
    symbols: parseSymbols(symbols ?? ""),
    functions: functionTableSchema.parse(JSON.parse(functions ?? "")),
  };
}

const pathsIn = (image: Image) => [imagePath(image, "symbols"), imagePath(image, "functions")];

async function fetchTables(context: Context, image: string): Promise<readonly string[]> {
  const files = new ImageFiles(cacheFolder(context));
  const here = await Promise.all([files.find(image, "symbols"), files.find(image, "functions")]);
  const found = here.filter((path) => path !== null);
  if (found.length === here.length) return found;
  const credentials = await loadCredentials(context);
  if (credentials === undefined) throw new Error("the image is not on this machine, and nobody is logged in");
  const { signal } = context;
  const api = createApi({ ...credentials, signal });
  using progress = startProgress(context, "fetching the kernel's symbols (once)");
  const options = { api, signal, onProgress: progress.update };
  return [await files.need(image, "symbols", options), await files.need(image, "functions", options)];
}
