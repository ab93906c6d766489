import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file that is there whole or not at all, also after a power cut. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const making = `${path}.new`;
  await rm(making, { force: true });
  {
    await using file = await open(making, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(making, path);
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}
