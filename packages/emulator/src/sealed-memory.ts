import { type FileHandle, open } from "node:fs/promises";
import { RingsideError } from "@ringside/shared";
import { nativeProgram } from "./native-program.ts";
import { startHolder } from "./qemu-process.ts";

/**
 * Copies a template's memory into a sealed memfd, that nobody can change, and opens it. QEMU 7.2 opens a memory file for writing even to map it privately, so
 * the machines' users would need write permission on a plain file and could change the template for everybody;
 * the seals forbid it to all, root included. Node cannot make a memfd: a small C helper does, we open
 * /proc/<helper>/fd/N while it lives, and from then on hold the memory ourselves.
 * @param helperFolder where the compiled helper is kept
 */
export async function openSealedMemory(file: string, helperFolder: string): Promise<FileHandle> {
  await using holder = await startHolder(await nativeProgram("sealed-memory", helperFolder), [file]);
  if (!/^[0-9]+$/.test(holder.line)) {
    throw new RingsideError("internal", { message: "the memory helper said no file descriptor" });
  }
  return await open(`/proc/${holder.pid}/fd/${holder.line}`, "r+");
}
