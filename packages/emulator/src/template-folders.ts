import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { sha256Schema } from "@ringside/shared";
import { TEMPLATE_FOLDERS_MAX, TEMPLATE_MAKING_STALE_MS } from "./limits.ts";
import { readTemplateFile, TEMPLATE_FILE, type TemplateFile } from "./template.ts";
import { LOCK_PREFIX } from "./template-lock.ts";

/**
 * The templates on disk, `<cache>/templates/<key>/`. The time of `template.json` is when it was last used: whoever
 * has it open, or a saved state that needs it, renews that, and so every process of the host knows.
 */

/** Where a cache folder keeps them. */
export const templatesIn = (cacheFolder: string): string => join(cacheFolder, "templates");

/** The keys of what is there, whole or not. */
export async function templateKeys(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => sha256Schema.safeParse(name).success).slice(0, TEMPLATE_FOLDERS_MAX);
}

/** The template with these contents, or null. */
export async function findTemplate(folder: string, contents: string): Promise<TemplateFile | null> {
  for (const key of await templateKeys(folder)) {
    const file = await readTemplateFile(join(folder, key)).catch(() => null);
    if (file?.contents === contents) return file;
  }
  return null;
}

/** Where the template with these contents (sha256) is on disk, or null. */
export async function templateFolder(cacheFolder: string, contents: string): Promise<string | null> {
  const found = await findTemplate(templatesIn(cacheFolder), contents);
  return found === null ? null : join(templatesIn(cacheFolder), found.key);
}

/** Marks a template as used now. */
export async function touchTemplate(folder: string): Promise<void> {
  const now = new Date();
  await utimes(join(folder, TEMPLATE_FILE), now, now).catch(() => undefined); // it was removed meanwhile
}

/** When it was last used, in ms; of one that is not whole, when something of it was last written. */
export async function lastUseMs(folder: string): Promise<number> {
  const found = await stat(join(folder, TEMPLATE_FILE)).catch(() => stat(folder));
  return found.mtimeMs;
}

/** Takes a template away in one step. */
export async function removeTemplate(folder: string, key: string): Promise<void> {
  const gone = join(folder, `.${key}.${randomUUID()}`);
  await rename(join(folder, key), gone);
  await rm(gone, { recursive: true, force: true });
}

/** What a crash in the middle of a making or a removal has left. */
export async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(".") || name.startsWith(LOCK_PREFIX)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    const stale = found !== null && Date.now() - found.mtimeMs > TEMPLATE_MAKING_STALE_MS;
    if (stale) await rm(path, { recursive: true, force: true });
  }
}
