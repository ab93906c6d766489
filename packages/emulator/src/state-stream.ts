import { RingsideError } from "@ringside/shared";
import { STREAM_BLOCKS_MAX } from "./limits.ts";

/**
 * QEMU's migration stream (its docs/devel/migration.rst; written by 7.2), as far as it must be known to take pages of
 * memory out of it and to put others in:
 *
 *   "QEVM" u32 version
 *   0x07 configuration: u32 length, machine; 0x05 u8 length, name, u32 version, u32 count, capabilities
 *   0x01 section start of `ram`: u32 id, u8 length, name, u32 instance, u32 version, records   0x7e u32 id
 *   0x02 section part: u32 id, records   0x7e u32 id         0x03 section end: the same
 *   0x04 devices …
 *
 * Records are u64: an address, and flags below GUEST_PAGE_BYTES; all but a continued one name their block of memory.
 * A template's stream lacks the pages of the guest's memory, which stays in its file; those of firmware it has.
 */
export const GUEST_PAGE_BYTES = 4096;

export interface StreamPage {
  /** The memory that it is in: the guest's, or one of firmware. */
  readonly block: string;
  /** Within the block. */
  readonly address: number;
  /** Its bytes, or the one that all of them are. */
  readonly content: Buffer | { readonly fill: number };
}

export interface StateStream {
  /** Up to the end of the section that tells the blocks. */
  readonly head: Buffer;
  /** The memory's section, by which its parts are known. */
  readonly section: number;
  readonly blocks: readonly { readonly name: string; readonly bytes: bigint }[];
  /** In the order of the stream: a later one holds. */
  readonly pages: readonly StreamPage[];
  /** The devices, to the end. */
  readonly tail: Buffer;
}

const MAGIC = 0x5145_564d;
const VERSION = 3;
const SECTION = { start: 1, part: 2, end: 3, subsection: 5, configuration: 7, footer: 0x7e } as const;
const FLAG = { fill: 0x02, sizes: 0x04, page: 0x08, end: 0x10, continued: 0x20 } as const;
const FLAGS_MASK = BigInt(GUEST_PAGE_BYTES - 1);
const MEMORY_SECTION = "ram";
/** It puts an address behind each block's size, and is the only one that a stream tells. */
const CAPABILITY = "x-ignore-shared";

const unexpected = (what: string) =>
  new RingsideError("internal", { message: `QEMU's state is not as we know it: ${what}` });

class Cursor {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take(count: number): Buffer {
    if (count > this.bytes.length - this.at) throw unexpected("it ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u32(): number {
    return this.take(4).readUInt32BE();
  }

  u64(): bigint {
    return this.take(8).readBigUInt64BE();
  }

  name(): string {
    return this.take(this.u8()).toString("latin1");
  }

  expect(wanted: number, found: number, what: string): void {
    if (found !== wanted) throw unexpected(`${found} in place of ${what}, before byte ${this.at}`);
  }
}

/**
 * Takes a stream apart.
 * @throws RingsideError `internal` when it is none, or one of another QEMU
 */
export function parseStateStream(stream: Buffer): StateStream {
  const cursor = new Cursor(stream);
  readConfiguration(cursor);
  cursor.expect(SECTION.start, cursor.u8(), "a section's start");
  const section = cursor.u32();
  if (cursor.name() !== MEMORY_SECTION) throw unexpected("it does not begin with the memory");
  cursor.take(4 + 4);
  const blocks = readBlocks(cursor);
  cursor.expect(FLAG.end, Number(cursor.u64()), "the end of the blocks");
  readFooter(cursor, section);
  const head = stream.subarray(0, cursor.at);
  const pages: StreamPage[] = [];
  for (let kind = -1; kind !== SECTION.end; ) {
    kind = cursor.u8();
    if (kind !== SECTION.part) cursor.expect(SECTION.end, kind, "more of the memory");
    cursor.expect(section, cursor.u32(), "the memory's section");
    readPages(cursor, blocks, pages);
    readFooter(cursor, section);
  }
  return { head, section, blocks, pages, tail: stream.subarray(cursor.at) };
}

function readConfiguration(cursor: Cursor): void {
  cursor.expect(MAGIC, cursor.u32(), "QEVM");
  cursor.expect(VERSION, cursor.u32(), "version 3");
  cursor.expect(SECTION.configuration, cursor.u8(), "the configuration");
  cursor.take(cursor.u32());
  cursor.expect(SECTION.subsection, cursor.u8(), "the capabilities");
  if (cursor.name() !== "configuration/capabilities") throw unexpected("another configuration");
  cursor.take(4);
  cursor.expect(1, cursor.u32(), "one capability");
  if (cursor.name() !== CAPABILITY) throw unexpected("another capability");
}

function readBlocks(cursor: Cursor): StateStream["blocks"] {
  const total = cursor.u64();
  cursor.expect(FLAG.sizes, Number(total & FLAGS_MASK), "the sizes of the blocks");
  const blocks: { name: string; bytes: bigint }[] = [];
  let left = total & ~FLAGS_MASK;
  while (left > 0n) {
    const block = { name: cursor.name(), bytes: cursor.u64() };
    cursor.take(8);
    if (block.bytes === 0n || block.bytes > left || blocks.length >= STREAM_BLOCKS_MAX) throw unexpected("its blocks");
    left -= block.bytes;
    blocks.push(block);
  }
  return blocks;
}

/** Reads records to the one that ends them. */
function readPages(cursor: Cursor, blocks: StateStream["blocks"], pages: StreamPage[]): void {
  for (;;) {
    const record = cursor.u64();
    const flags = Number(record & FLAGS_MASK);
    if (flags === FLAG.end) return;
    const continued = (flags & FLAG.continued) !== 0;
    const name = continued ? pages.at(-1)?.block : cursor.name();
    const block = blocks.find((each) => each.name === name);
    const address = record & ~FLAGS_MASK;
    if (block === undefined || address >= block.bytes) throw unexpected(`a page outside of memory, at ${cursor.at}`);
    const content = readContent(cursor, flags & ~FLAG.continued);
    pages.push({ block: block.name, address: Number(address), content });
  }
}

function readContent(cursor: Cursor, kind: number): StreamPage["content"] {
  if (kind === FLAG.fill) return { fill: cursor.u8() };
  if (kind === FLAG.page) return cursor.take(GUEST_PAGE_BYTES);
  throw unexpected(`a record of kind ${kind} at ${cursor.at}`);
}

function readFooter(cursor: Cursor, section: number): void {
  cursor.expect(SECTION.footer, cursor.u8(), "a section's end");
  cursor.expect(section, cursor.u32(), "the memory's section");
}

/** The name of the block that is the guest's memory. @throws RingsideError `internal` unless there is one */
export function memoryBlock(stream: StateStream, memoryMib: number): string {
  const bytes = BigInt(memoryMib) * 1024n * 1024n;
  const [block, another] = stream.blocks.filter((each) => each.bytes === bytes);
  if (block === undefined || another !== undefined) throw unexpected("it has not one memory of the guest's size");
  return block.name;
}

/** A stream with these pages in place of its own. */
export function composeStateStream(stream: StateStream, pages: readonly StreamPage[]): Buffer {
  const start = Buffer.alloc(5);
  start.writeUInt8(SECTION.end);
  start.writeUInt32BE(stream.section, 1);
  const records = pages.flatMap((page, n) => record(page, pages[n - 1]?.block === page.block));
  const end = Buffer.alloc(8 + 5);
  end.writeBigUInt64BE(BigInt(FLAG.end));
  end.writeUInt8(SECTION.footer, 8);
  end.writeUInt32BE(stream.section, 9);
  return Buffer.concat([stream.head, start, ...records, end, stream.tail]);
}

function record({ block, address, content }: StreamPage, continued: boolean): readonly Buffer[] {
  const whole = Buffer.isBuffer(content);
  const flags = (whole ? FLAG.page : FLAG.fill) | (continued ? FLAG.continued : 0);
  const header = Buffer.alloc(8);
  header.writeBigUInt64BE(BigInt(address) | BigInt(flags));
  const name = continued ? [] : [Buffer.from([block.length]), Buffer.from(block, "latin1")];
  return [header, ...name, whole ? content : Buffer.from([content.fill])];
}
