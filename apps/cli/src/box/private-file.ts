import { readFile, rename, writeFile } from "node:fs/promises";

/** Writes a file that only we may read, at once or not at all. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  await writeFile(fresh, text, { mode: 0o600 });
  await rename(fresh, path);
}

/** The file's text; undefined where there is no such file. */
export async function readTextOrUndefined(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
}
