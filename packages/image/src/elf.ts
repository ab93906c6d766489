import { type FileHandle, open } from "node:fs/promises";
import { ELF_NOTES_BYTES_MAX, ELF_SECTIONS_MAX } from "./limits.ts";

/** Of an ELF file (System V ABI, "Object Files"), little-endian, only what is needed to find its build-id. */
const IDENT_BYTES = 16;
const MAGIC = "\x7fELF";
const LITTLE_ENDIAN = 1;
const SECTION_IS_NOTE = 7;
const NOTE_HEAD_BYTES = 12;
const NOTE_IS_BUILD_ID = 3;
const BUILD_ID_BYTES_MAX = 64;

/** Where the fields stand, by the file's class (1: 32 bits, 2: 64 bits). */
const LAYOUTS = {
  1: {
    header: 52,
    sections: 0x20,
    sectionBytes: 0x2e,
    sectionCount: 0x30,
    entry: 40,
    type: 4,
    offset: 16,
    size: 20,
    wide: false,
  },
  2: {
    header: 64,
    sections: 0x28,
    sectionBytes: 0x3a,
    sectionCount: 0x3c,
    entry: 64,
    type: 4,
    offset: 24,
    size: 32,
    wide: true,
  },
} as const;
type Layout = (typeof LAYOUTS)[keyof typeof LAYOUTS];

async function readAt(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
  return buffer.subarray(0, bytesRead);
}

const wordAt = (bytes: Buffer, at: number, { wide }: Layout): number =>
  wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at);

async function layoutOf(file: FileHandle): Promise<Layout | null> {
  const ident = await readAt(file, 0, IDENT_BYTES);
  if (ident.length < IDENT_BYTES || ident.toString("latin1", 0, MAGIC.length) !== MAGIC) return null;
  if (ident[5] !== LITTLE_ENDIAN) return null;
  return LAYOUTS[ident[4] as keyof typeof LAYOUTS] ?? null;
}

/** The build-id in the bytes of a note section; null where there is none. */
function buildIdIn(notes: Buffer): string | null {
  let at = 0;
  while (at + NOTE_HEAD_BYTES <= notes.length) {
    const [nameBytes, bytes, type] = [notes.readUInt32LE(at), notes.readUInt32LE(at + 4), notes.readUInt32LE(at + 8)];
    const name = at + NOTE_HEAD_BYTES;
    const data = name + Math.ceil(nameBytes / 4) * 4;
    const isId = type === NOTE_IS_BUILD_ID && notes.toString("latin1", name, name + nameBytes) === "GNU\0";
    if (isId && bytes > 0 && bytes <= BUILD_ID_BYTES_MAX && data + bytes <= notes.length) {
      return notes.toString("hex", data, data + bytes);
    }
    at = data + Math.ceil(bytes / 4) * 4;
  }
  return null;
}

async function buildIdOf(file: FileHandle): Promise<string | null> {
  const layout = await layoutOf(file);
  if (layout === null) return null;
  const header = await readAt(file, 0, layout.header);
  if (header.length < layout.header) return null;
  const { entry } = layout;
  if (header.readUInt16LE(layout.sectionBytes) !== entry) return null;
  const count = Math.min(header.readUInt16LE(layout.sectionCount), ELF_SECTIONS_MAX);
  const table = await readAt(file, wordAt(header, layout.sections, layout), count * entry);
  for (let at = 0; at + entry <= table.length; at += entry) {
    if (table.readUInt32LE(at + layout.type) !== SECTION_IS_NOTE) continue;
    const size = Math.min(wordAt(table, at + layout.size, layout), ELF_NOTES_BYTES_MAX);
    const found = buildIdIn(await readAt(file, wordAt(table, at + layout.offset, layout), size));
    if (found !== null) return found;
  }
  return null;
}

/**
 * The build-id of an ELF file, in hex; null where it has none or is no such file.
 * @throws Error where the file cannot be read
 */
export async function readBuildId(path: string): Promise<string | null> {
  const file = await open(path, "r");
  try {
    return await buildIdOf(file);
  } catch (error) {
    // Offsets that are no offsets of this file.
    if (error instanceof RangeError) return null;
    throw error;
  } finally {
    await file.close();
  }
}
