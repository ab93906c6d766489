import { createHash, randomUUID } from "node:crypto";
import { access, type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RingsideError } from "@ringside/shared";
import { runTool, startHolder } from "./qemu-process.ts";

/**
 * A template's memory as a sealed memfd. QEMU 7.2 opens a memory file for writing even to map it privately, so
 * the machines' users would need write permission on a plain file and could change the template for everybody;
 * the seals forbid it to all, root included. Node cannot make a memfd: a small C helper does, we open
 * /proc/<helper>/fd/N while it lives, and from then on hold the memory ourselves.
 */
const SOURCE = fileURLToPath(new URL("../native/sealed-memory.c", import.meta.url));
const COMPILER = "gcc";
const COMPILER_FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"] as const;

/** The compiled helper in `folder`, named by the digest of its source; compiled when it is not there. */
async function sealedMemoryHelper(folder: string): Promise<string> {
  const source = await readFile(SOURCE);
  const digest = createHash("sha256").update(COMPILER_FLAGS.join(" ")).update(source).digest("hex").slice(0, 16);
  const program = join(folder, `sealed-memory-${digest}`);
  if (
    await access(program).then(
      () => true,
      () => false,
    )
  )
    return program;
  await mkdir(folder, { recursive: true });
  const making = `${program}.${randomUUID()}`;
  try {
    await runTool(COMPILER, [...COMPILER_FLAGS, "-o", making, SOURCE]);
  } catch (cause) {
    const message = "the memory helper was not compiled: is gcc there? On Debian: apt install gcc libc6-dev";
    throw new RingsideError("internal", { message, cause });
  }
  await rename(making, program);
  return program;
}

/**
 * Copies `file` into memory that nobody can change, and opens it.
 * @param helperFolder where the compiled helper is kept
 */
export async function openSealedMemory(file: string, helperFolder: string): Promise<FileHandle> {
  await using holder = await startHolder(await sealedMemoryHelper(helperFolder), [file]);
  if (!/^[0-9]+$/.test(holder.line)) {
    throw new RingsideError("internal", { message: "the memory helper said no file descriptor" });
  }
  return await open(`/proc/${holder.pid}/fd/${holder.line}`, "r+");
}
