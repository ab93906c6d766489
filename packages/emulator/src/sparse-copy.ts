import { open } from "node:fs/promises";
import { MEMORY_CHUNK_BYTES } from "./limits.ts";

/** Copies a file and leaves holes where it holds zeros: a template's memory is mostly untouched. */
export async function copySparse(from: string, to: string): Promise<void> {
  await using source = await open(from, "r");
  await using target = await open(to, "wx", 0o600);
  const { size } = await source.stat();
  await target.truncate(size);
  const chunk = Buffer.alloc(MEMORY_CHUNK_BYTES);
  const zeros = Buffer.alloc(MEMORY_CHUNK_BYTES);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await source.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) break;
    if (!chunk.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead))) {
      await target.write(chunk, 0, bytesRead, at);
    }
    at += bytesRead;
  }
  await target.sync();
}
