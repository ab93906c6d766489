import type { FileHandle } from "node:fs/promises";
import { ELF_NAMES_BYTES_MAX, ELF_SECTIONS_MAX } from "../limits.ts";

/** Bytes that stand in a file in place of its own. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** An ELF file's header and section headers, 64 bits, little-endian (System V ABI, "Object Files"). */
const IDENT_64_LITTLE = "\x7fELF\x02\x01";
const HEADER_BYTES = 64;
const SECTIONS_AT = 0x28;
const ENTRY_BYTES_AT = 0x3a;
const COUNT_AT = 0x3c;
const NAMES_INDEX_AT = 0x3e;
const ENTRY = { bytes: 64, name: 0, type: 4, offset: 24, size: 32 } as const;
const TYPE_NONE = 0;

async function readAt(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
  return buffer.subarray(0, bytesRead);
}

const numberAt = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/**
 * What makes a kernel's debug file one with symbols only: of a hundred megabytes gdb then reads one. The sections of
 * debug information are no sections in it; all else stays, the build-id too, so that a gdb which knows a debuginfod
 * fetches the debug information from there.
 * @returns the patches for reads of the file; null for what is no such file
 */
export async function withoutDebug(file: FileHandle): Promise<readonly Patch[] | null> {
  const header = await readAt(file, 0, HEADER_BYTES);
  if (header.length < HEADER_BYTES || !header.toString("latin1").startsWith(IDENT_64_LITTLE)) return null;
  if (header.readUInt16LE(ENTRY_BYTES_AT) !== ENTRY.bytes) return null;
  const start = numberAt(header, SECTIONS_AT);
  const table = await readAt(file, start, Math.min(header.readUInt16LE(COUNT_AT), ELF_SECTIONS_MAX) * ENTRY.bytes);
  const entries = Array.from({ length: Math.floor(table.length / ENTRY.bytes) }, (_, at) =>
    table.subarray(at * ENTRY.bytes, (at + 1) * ENTRY.bytes),
  );
  const nameTable = entries[header.readUInt16LE(NAMES_INDEX_AT)];
  if (nameTable === undefined) return null;
  const nameBytes = Math.min(numberAt(nameTable, ENTRY.size), ELF_NAMES_BYTES_MAX);
  const names = await readAt(file, numberAt(nameTable, ENTRY.offset), nameBytes);
  return entries.flatMap((entry, at) => {
    const isDebug = names.toString("latin1", entry.readUInt32LE(ENTRY.name)).startsWith(".debug_");
    const none = Buffer.alloc(4);
    none.writeUInt32LE(TYPE_NONE);
    return isDebug ? [{ offset: start + at * ENTRY.bytes + ENTRY.type, bytes: none }] : [];
  });
}

/** Puts what a read of a file brought right, in place. @param offset where the bytes begin in the file */
export function applyPatches(patches: readonly Patch[], bytes: Buffer, offset: number): void {
  for (const patch of patches) {
    const from = Math.max(patch.offset, offset);
    const to = Math.min(patch.offset + patch.bytes.length, offset + bytes.length);
    if (from < to) patch.bytes.copy(bytes, from - offset, from - patch.offset, to - patch.offset);
  }
}
