import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ImageManifest } from "@ringside/shared";

/** sha256 of a file's bytes, in hex. */
export async function fileDigest(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, signal ? { signal } : {});
  return hash.digest("hex");
}

/** sha256 over lines, in their sorted order: the order in which they were collected does not matter. */
export function linesDigest(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of [...lines].sort()) hash.update(`${line}\n`);
  return hash.digest("hex");
}

/** What an image is: sha256 over the sorted lines `<file key> <sha256>`, programs as `programs/<name>`. */
export function imageDigest(manifest: Pick<ImageManifest, "files" | "programs">): string {
  const lines: string[] = [];
  for (const [key, file] of Object.entries(manifest.files)) if (file) lines.push(`${key} ${file.sha256}`);
  for (const [name, file] of Object.entries(manifest.programs)) lines.push(`programs/${name} ${file.sha256}`);
  return linesDigest(lines);
}

/** sha256 over the names and contents of everything below a folder. */
export async function folderDigest(folder: string, signal?: AbortSignal): Promise<string> {
  const lines: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isFile()) lines.push(`${name} ${await fileDigest(path, signal)}`);
    else if (entry.isSymbolicLink()) lines.push(`${name} -> ${await readlink(path)}`);
  }
  return linesDigest(lines);
}
