import { type FileHandle, open } from "node:fs/promises";
import { type ElfSection, isDamage, layoutOf, readAt, readElfSections, SECTION_TYPES, textAt, wordAt } from "./elf.ts";
import { ELF_SYMBOLS_BYTES_MAX, ELF_SYMBOLS_MAX } from "./limits.ts";

/** STT_… and STB_… of a symbol (System V ABI, "Symbol Table"). */
const LETTERS = { 0: null, 1: "d", 2: "t", 10: "t" } as const;
const BINDS = { local: 0, weak: 2 } as const;
/** SHN_UNDEF, and the first of those that stand for no section. */
const SECTION_UNDEFINED = 0;
const SECTION_RESERVED = 0xff00;
const SYMBOL_NAME = /^[!-~]{1,1000}$/;

/** nm's letter for a symbol; null for those that name no place in the program. */
function letterOf(info: number, section: number): string | null {
  if (section === SECTION_UNDEFINED || section >= SECTION_RESERVED) return null;
  const letter = LETTERS[(info & 15) as keyof typeof LETTERS] ?? null;
  if (letter === null) return null;
  const bind = info >> 4;
  if (bind === BINDS.local) return letter;
  return bind === BINDS.weak ? "W" : letter.toUpperCase();
}

async function linesOf(file: FileHandle, sections: readonly ElfSection[]): Promise<readonly string[]> {
  const layout = await layoutOf(file);
  const table = sections.find(({ type }) => type === SECTION_TYPES.symbols);
  const strings = table && sections[table.link];
  if (layout === null || table === undefined || strings === undefined) return [];
  const { symbol: at } = layout;
  const bytes = await readAt(file, table.offset, Math.min(table.bytes, ELF_SYMBOLS_BYTES_MAX));
  const names = await readAt(file, strings.offset, Math.min(strings.bytes, ELF_SYMBOLS_BYTES_MAX));
  const lines: string[] = [];
  for (let from = 0; from + at.bytes <= bytes.length && lines.length < ELF_SYMBOLS_MAX; from += at.bytes) {
    const symbol = bytes.subarray(from, from + at.bytes);
    const letter = letterOf(symbol[at.info] ?? 0, symbol.readUInt16LE(at.section));
    const name = textAt(names, symbol.readUInt32LE(at.name));
    if (letter === null || !SYMBOL_NAME.test(name)) continue;
    lines.push(`${wordAt(symbol, at.value, layout).toString(16).padStart(16, "0")} ${letter} ${name}`);
  }
  return lines;
}

/**
 * The symbols of a program, as nm(1) writes them and a System.map has them: lines `<hex address> <letter> <name>`,
 * of its functions and variables.
 * @param path an unstripped ELF program, linked to a fixed address
 * @returns null where it has none, or is no such program
 * @throws Error where the file cannot be read
 */
export async function readProgramSymbols(path: string): Promise<string | null> {
  await using file = await open(path, "r");
  const lines = await linesOf(file, (await readElfSections(file)) ?? []).catch((error: unknown) => {
    if (isDamage(error)) return [];
    throw error;
  });
  return lines.length === 0 ? null : `${[...lines].sort().join("\n")}\n`;
}
