import { type FileHandle, open } from "node:fs/promises";
import { ELF_NAMES_BYTES_MAX, ELF_NOTES_BYTES_MAX, ELF_SECTIONS_MAX } from "./limits.ts";

/** A section of an ELF file. */
export interface ElfSection {
  readonly name: string;
  /** SHT_… */
  readonly type: number;
  /** Where its bytes stand in the file, and how many. */
  readonly offset: number;
  readonly bytes: number;
  /** Where the four bytes of its type stand in the file. */
  readonly typeAt: number;
  /** Of a table of symbols: the index of the section with their names. */
  readonly link: number;
}

/** SHT_…: what a section's header says of it. */
export const SECTION_TYPES = { none: 0, symbols: 2, note: 7 } as const;

/** Of an ELF file (System V ABI, "Object Files"), little-endian. */
const IDENT_BYTES = 16;
const MAGIC = "\x7fELF";
const LITTLE_ENDIAN = 1;
const NOTE_HEAD_BYTES = 12;
const NOTE_IS_BUILD_ID = 3;
const BUILD_ID_BYTES_MAX = 64;

/** Where the fields stand in a file's header, in a section's and in a symbol, by the file's class (1: 32 bits, 2: 64 bits). */
const LAYOUTS = {
  1: {
    header: { bytes: 52, sections: 0x20, sectionBytes: 0x2e, sectionCount: 0x30, namesIndex: 0x32 },
    section: { bytes: 40, name: 0, type: 4, offset: 16, size: 20, link: 24 },
    symbol: { bytes: 16, name: 0, value: 4, info: 12, section: 14 },
    isWide: false,
  },
  2: {
    header: { bytes: 64, sections: 0x28, sectionBytes: 0x3a, sectionCount: 0x3c, namesIndex: 0x3e },
    section: { bytes: 64, name: 0, type: 4, offset: 24, size: 32, link: 40 },
    symbol: { bytes: 24, name: 0, value: 8, info: 4, section: 6 },
    isWide: true,
  },
} as const;
type Layout = (typeof LAYOUTS)[keyof typeof LAYOUTS];

/** So many of a file's bytes; fewer where it ends before. */
export async function readAt(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
  return buffer.subarray(0, bytesRead);
}

/** An address or offset of the file's own width. */
export const wordAt = (bytes: Buffer, at: number, { isWide }: Layout): number =>
  isWide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at);

/** Of an ELF file of 32 or 64 bits, little-endian; null for any other file. */
export async function layoutOf(file: FileHandle): Promise<Layout | null> {
  const ident = await readAt(file, 0, IDENT_BYTES);
  if (ident.length < IDENT_BYTES || ident.toString("latin1", 0, MAGIC.length) !== MAGIC) return null;
  if (ident[5] !== LITTLE_ENDIAN) return null;
  return LAYOUTS[ident[4] as keyof typeof LAYOUTS] ?? null;
}

/** Text up to a zero byte. */
export function textAt(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return at > bytes.length ? "" : bytes.toString("latin1", at, end < 0 ? bytes.length : end);
}

async function sectionsOf(file: FileHandle): Promise<readonly ElfSection[] | null> {
  const layout = await layoutOf(file);
  if (layout === null) return null;
  const { header: at, section } = layout;
  const header = await readAt(file, 0, at.bytes);
  if (header.length < at.bytes || header.readUInt16LE(at.sectionBytes) !== section.bytes) return null;
  const start = wordAt(header, at.sections, layout);
  const count = Math.min(header.readUInt16LE(at.sectionCount), ELF_SECTIONS_MAX);
  const table = await readAt(file, start, count * section.bytes);
  const entries = Array.from({ length: Math.floor(table.length / section.bytes) }, (_, n) => {
    const entry = table.subarray(n * section.bytes, (n + 1) * section.bytes);
    return {
      nameAt: entry.readUInt32LE(section.name),
      type: entry.readUInt32LE(section.type),
      offset: wordAt(entry, section.offset, layout),
      bytes: wordAt(entry, section.size, layout),
      typeAt: start + n * section.bytes + section.type,
      link: entry.readUInt32LE(section.link),
    };
  });
  const named = entries[header.readUInt16LE(at.namesIndex)];
  const names = named ? await readAt(file, named.offset, Math.min(named.bytes, ELF_NAMES_BYTES_MAX)) : Buffer.alloc(0);
  return entries.map(({ nameAt, ...entry }) => ({ name: textAt(names, nameAt), ...entry }));
}

/** What a file with damaged offsets leads to: Node's errors of offsets that are none, or are behind every file. */
export const isDamage = (error: unknown): boolean =>
  error instanceof RangeError || (error instanceof Error && (error as NodeJS.ErrnoException).code === "EINVAL");

/**
 * The sections of an ELF file of 32 or 64 bits, at most ELF_SECTIONS_MAX of them; null for what is no such file, or a
 * damaged one.
 * @throws Error where the file cannot be read
 */
export async function readElfSections(file: FileHandle): Promise<readonly ElfSection[] | null> {
  try {
    return await sectionsOf(file);
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
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
  for (const { type, offset, bytes } of (await readElfSections(file)) ?? []) {
    if (type !== SECTION_TYPES.note) continue;
    const found = buildIdIn(await readAt(file, offset, Math.min(bytes, ELF_NOTES_BYTES_MAX)));
    if (found !== null) return found;
  }
  return null;
}

/**
 * The build-id of an ELF file, in hex; null where it has none or is no such file.
 * @throws Error where the file cannot be read
 */
export async function readBuildId(path: string): Promise<string | null> {
  await using file = await open(path, "r");
  try {
    return await buildIdOf(file);
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}
