import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdCompress, createZstdDecompress } from "node:zlib";
import { RingsideError, TEMPLATE_ARCHIVE_BYTES_MAX } from "@ringside/shared";
import { ByteReader } from "./byte-reader.ts";
import {
  MEMORY_CHUNK_BYTES,
  TEMPLATE_FILE_BYTES_MAX,
  TEMPLATE_MEMORY_MIB_MAX,
  TEMPLATE_STATE_BYTES_MAX,
} from "./limits.ts";
import {
  MEMORY_FILE,
  readTemplateFile,
  STATE_FILE,
  syncToDisk,
  TEMPLATE_FILE,
  type TemplateFile,
  templateContents,
  templateFileSchema,
} from "./template.ts";

/**
 * A template as one file, for those who replay a recording elsewhere. zstd over:
 *
 *   "ringside-template 1\n"   u32 bytes, template.json   u32 bytes, state
 *   for each chunk of memory that is not all zeros: u32 its number, MEMORY_CHUNK_BYTES of it
 *   u32 0xffffffff
 *
 * Numbers are big-endian; chunks come in order. An archive comes from a server and is believed only so far: each
 * length is checked before it is used, and at last the contents against their sha256.
 */
const MAGIC = Buffer.from("ringside-template 1\n");
const NO_MORE_CHUNKS = 0xffff_ffff;
const MIB = 1024 * 1024;

/**
 * Writes the archive of the template in `folder`, and ends `to`.
 * @throws RingsideError `not_found` where there is no whole template; what `to` throws
 */
export async function writeTemplateArchive(folder: string, to: Writable, signal?: AbortSignal): Promise<void> {
  const file = await readTemplateFile(folder).catch(() => null);
  if (file === null) throw new RingsideError("not_found", { message: "there is no such template" });
  await pipeline(Readable.from(archiveParts(folder)), createZstdCompress(), to, { signal });
}

async function* archiveParts(folder: string): AsyncGenerator<Buffer> {
  yield MAGIC;
  for (const name of [TEMPLATE_FILE, STATE_FILE]) {
    const bytes = await readFile(join(folder, name));
    yield u32(bytes.length);
    yield bytes;
  }
  await using memory = await open(join(folder, MEMORY_FILE), "r");
  const zeros = Buffer.alloc(MEMORY_CHUNK_BYTES);
  for (let number = 0; ; number += 1) {
    const chunk = Buffer.alloc(MEMORY_CHUNK_BYTES);
    const { bytesRead } = await memory.read(chunk, 0, chunk.length, number * MEMORY_CHUNK_BYTES);
    if (bytesRead === 0) break;
    if (chunk.equals(zeros)) continue;
    yield u32(number);
    yield chunk;
  }
  yield u32(NO_MORE_CHUNKS);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const damaged = (what: string, cause?: unknown) =>
  new RingsideError("state_damaged", { message: `The template's archive is damaged: ${what}`, cause });

/**
 * Unpacks an archive into a template folder that openTemplate opens; the folder appears whole or not at all.
 * @throws RingsideError `state_damaged` where the archive is not one, is cut, too large or not what its own sha256 says
 */
export async function unpackTemplateArchive(
  from: AsyncIterable<Uint8Array>,
  folder: string,
  signal?: AbortSignal,
): Promise<TemplateFile> {
  const unpacking = join(dirname(folder), `.${randomUUID()}`);
  await mkdir(unpacking, { recursive: true, mode: 0o700 });
  try {
    const file = await unpackInto(from, unpacking, signal);
    for (const name of [STATE_FILE, MEMORY_FILE, TEMPLATE_FILE, ""]) await syncToDisk(join(unpacking, name));
    await rm(folder, { recursive: true, force: true });
    await rename(unpacking, folder);
    return file;
  } finally {
    await rm(unpacking, { recursive: true, force: true });
  }
}

async function unpackInto(
  from: AsyncIterable<Uint8Array>,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<TemplateFile> {
  const expander = createZstdDecompress();
  const expanding = pipeline(Readable.from(bounded(from)), expander, { signal });
  expanding.catch(() => undefined); // the reader sees it too
  try {
    const file = await readParts(new ByteReader(expander), folder);
    await expanding;
    if (file.contents !== (await templateContents(folder))) throw damaged("its contents are not what it says");
    return file;
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof RingsideError ? cause : damaged((cause as Error).message, cause);
  } finally {
    expander.destroy();
  }
}

async function* bounded(from: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of from) {
    bytes += chunk.length;
    if (bytes > TEMPLATE_ARCHIVE_BYTES_MAX) throw damaged(`it is larger than ${TEMPLATE_ARCHIVE_BYTES_MAX} bytes`);
    yield chunk;
  }
}

async function readParts(reader: ByteReader, folder: string): Promise<TemplateFile> {
  if (!(await reader.take(MAGIC.length)).equals(MAGIC)) throw damaged("it does not begin like one");
  const text = await takeCounted(reader, TEMPLATE_FILE_BYTES_MAX);
  const file = templateFileSchema.parse(JSON.parse(text.toString("utf8")));
  if (file.memoryMib > TEMPLATE_MEMORY_MIB_MAX) throw damaged(`${file.memoryMib} MiB of memory`);
  const state = await takeCounted(reader, TEMPLATE_STATE_BYTES_MAX);
  if (state.length !== file.stateBytes) throw damaged("its state has another length");
  await writeFile(join(folder, TEMPLATE_FILE), text, { flag: "wx", mode: 0o600 });
  await writeFile(join(folder, STATE_FILE), state, { flag: "wx", mode: 0o600 });
  await readMemory(reader, join(folder, MEMORY_FILE), file.memoryMib * MIB);
  if (!(await reader.atEnd())) throw damaged("something follows its end");
  return file;
}

async function takeCounted(reader: ByteReader, bytesMax: number): Promise<Buffer> {
  const bytes = (await reader.take(4)).readUInt32BE();
  if (bytes > bytesMax) throw damaged(`a part of ${bytes} bytes`);
  return reader.take(bytes);
}

async function readMemory(reader: ByteReader, path: string, bytes: number): Promise<void> {
  await using memory = await open(path, "wx", 0o600);
  await memory.truncate(bytes);
  for (let next = 0; ; ) {
    const number = (await reader.take(4)).readUInt32BE();
    if (number === NO_MORE_CHUNKS) return;
    if (number < next || (number + 1) * MEMORY_CHUNK_BYTES > bytes) throw damaged(`a chunk numbered ${number}`);
    next = number + 1;
    await memory.write(await reader.take(MEMORY_CHUNK_BYTES), 0, MEMORY_CHUNK_BYTES, number * MEMORY_CHUNK_BYTES);
  }
}
