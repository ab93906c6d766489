import type { FileHandle } from "node:fs/promises";
import { readElfSections, SECTION_TYPES } from "@ringside/image";

/** Bytes that stand in a file in place of its own. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Buffer;
}

const NO_SECTION = Buffer.alloc(4);
NO_SECTION.writeUInt32LE(SECTION_TYPES.none);

/**
 * What makes a kernel's debug file one with symbols only: of a hundred megabytes gdb then reads one. The sections of
 * debug information are no sections in it; all else stays, the build-id too, so that a gdb which knows a debuginfod
 * fetches the debug information from there.
 * @returns the patches for reads of the file; null for what is no ELF file
 * @throws Error where the file cannot be read
 */
export async function withoutDebug(file: FileHandle): Promise<readonly Patch[] | null> {
  const sections = await readElfSections(file);
  if (sections === null) return null;
  return sections
    .filter(({ name }) => name.startsWith(".debug_") || name === ".gdb_index")
    .map(({ typeAt }) => ({ offset: typeAt, bytes: NO_SECTION }));
}

/** Puts what a read of a file brought right, in place. @param offset where the bytes begin in the file */
export function applyPatches(patches: readonly Patch[], bytes: Buffer, offset: number): void {
  for (const patch of patches) {
    const from = Math.max(patch.offset, offset);
    const to = Math.min(patch.offset + patch.bytes.length, offset + bytes.length);
    if (from < to) patch.bytes.copy(bytes, from - offset, from - patch.offset, to - patch.offset);
  }
}
