import { readFile } from "node:fs/promises";
import { type Image, imagePath, structuresPath } from "@ringside/image";
import { type FunctionRow, functionTableSchema, type StructureRow, structureTableSchema } from "@ringside/shared";
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
  readonly structures: readonly StructureRow[];
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
    return { symbols: new SymbolTable([]), functions: [], structures: [] };
  });
  return deriveFacts({ events, ...tables });
}

async function findTables(context: Context, image: string): Promise<ImageTables> {
  const local = await localImage(context, image);
  const paths = local === undefined ? await fetchTables(context, image) : pathsIn(local);
  const [symbols, functions, structures] = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return {
    symbols: parseSymbols(symbols ?? ""),
    functions: functionTableSchema.parse(JSON.parse(functions ?? "")),
    // Images that were built before there was one have none.
    structures: structureTableSchema.parse(JSON.parse(structures ?? "[]")),
  };
}

const pathsIn = (image: Image) => {
  const structures = structuresPath(image);
  const always = [imagePath(image, "symbols"), imagePath(image, "functions")];
  return structures === null ? always : [...always, structures];
};

async function fetchTables(context: Context, image: string): Promise<readonly string[]> {
  const files = new ImageFiles(cacheFolder(context));
  const here = await Promise.all([files.find(image, "symbols"), files.find(image, "functions")]);
  const found = here.filter((path) => path !== null);
  // Images that were built before there was one have no table of structures: then reads are told as addresses.
  const structures = await files.find(image, "structures").catch(() => null);
  if (found.length === here.length && structures !== null) return [...found, structures];
  const credentials = await loadCredentials(context);
  if (credentials === undefined) {
    if (found.length === here.length) return found;
    throw new Error("the image is not on this machine, and nobody is logged in");
  }
  const { signal } = context;
  const api = createApi({ ...credentials, signal });
  using progress = startProgress(context, "fetching the kernel's symbols (once)");
  const options = { api, signal, onProgress: progress.update };
  const always = [await files.need(image, "symbols", options), await files.need(image, "functions", options)];
  const more = await files.need(image, "structures", options).catch(() => null);
  signal.throwIfAborted();
  return more === null ? always : [...always, more];
}
