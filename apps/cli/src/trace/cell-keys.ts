import { readFile } from "node:fs/promises";
import { type CellKey, cellKeyListSchema } from "@ringside/shared";
import { createApi } from "../api/calls.ts";
import { loadCredentials } from "../api/credentials.ts";
import { type Context, note } from "../context.ts";
import { CliError } from "../exit-codes.ts";

/**
 * The keys that cells sign recordings with: of a file, else of the server where somebody is logged in.
 * @returns null where neither has them; a note says why
 * @throws CliError where a file was named that has none
 */
export async function cellKeys(context: Context, file: string | undefined): Promise<readonly CellKey[] | null> {
  if (file !== undefined) return keysOfFile(file);
  const credentials = await loadCredentials(context);
  if (credentials === undefined) return null;
  try {
    return await createApi({ ...credentials, signal: context.signal }).sealKeys();
  } catch (error) {
    context.signal.throwIfAborted();
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    note(context, `The server did not say which keys its cells have (${why}).`);
    return null;
  }
}

async function keysOfFile(file: string): Promise<readonly CellKey[]> {
  try {
    return cellKeyListSchema.parse(JSON.parse(await readFile(file, "utf8"))).keys;
  } catch (cause) {
    throw new CliError("usage", `${file} is no list of keys: \`ringside --json keys list\` prints one`, { cause });
  }
}
