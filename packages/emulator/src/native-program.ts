import { createHash, randomUUID } from "node:crypto";
import { access, chmod, mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RingsideError } from "@ringside/shared";
import { runTool } from "./qemu-process.ts";

/** Node cannot do everything that Linux can: small C programs of ours do the rest, compiled at their first use. */
const COMPILER = "gcc";
const FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"] as const;

/** @throws RingsideError `internal` that says what is needed */
export async function compileNative(source: string, to: string): Promise<void> {
  try {
    await runTool(COMPILER, [...FLAGS, "-o", to, source]);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${source} was not compiled: is gcc there? On Debian: apt install gcc libc6-dev (${why})`;
    throw new RingsideError("internal", { message, cause });
  }
}

/**
 * Gives the path of a compiled program of `native/`, in `folder`, named by the digest of its source.
 * @param folder where compiled programs are kept: nobody else may write there
 */
export async function nativeProgram(name: string, folder: string): Promise<string> {
  const source = fileURLToPath(new URL(`../native/${name}.c`, import.meta.url));
  const digest = createHash("sha256")
    .update(FLAGS.join(" "))
    .update(await readFile(source));
  const program = join(folder, `${name}-${digest.digest("hex").slice(0, 16)}`);
  const present = await access(program).then(
    () => true,
    () => false,
  );
  if (present) return program;
  await mkdir(folder, { recursive: true });
  const making = `${program}.${randomUUID()}`;
  await compileNative(source, making);
  await chmod(making, 0o755);
  await rename(making, program);
  return program;
}
