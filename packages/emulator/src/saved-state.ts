import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import { archSchema, RingsideError, SAVED_STATE_BYTES_MAX, sha256Schema } from "@ringside/shared";
import { z } from "zod";
import { DEVICES_BYTES_MAX, MEMORY_CHUNK_BYTES, STATE_HEADER_BYTES_MAX } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { giveTo, type MachinePlace } from "./machine-place.ts";
import { folderInside } from "./qemu-process.ts";
import { GUEST_PAGE_BYTES } from "./state-stream.ts";
import { syncToDisk, type Template } from "./template.ts";

/**
 * A saved machine on disk: one line of JSON that says what it is, then, zstd:
 *
 *   u32 pages   for each page of memory that is not the template's: u64 address, 4,096 bytes   the devices' state
 *
 * Numbers are big-endian. The line names the sha256 of all that follows it. A file appears whole or not at all.
 *
 * QEMU writes memory and devices by commands that leave the machine exactly as it stands, at a breakpoint too, and may
 * be given again. Its `migrate` would be quicker, but leaves a state from which a machine can only go on running.
 */
const headerSchema = z.strictObject({
  format: z.literal(2),
  /** Contents of the template whose pages are left out. */
  template: sha256Schema,
  arch: archSchema,
  memoryMib: z.int().min(1),
  /** Whether the guest shall run when it is woken. */
  runOn: z.boolean(),
  savedAt: z.iso.datetime(),
  /** What follows, before compression. */
  payloadBytes: z.int().min(1).max(SAVED_STATE_BYTES_MAX),
  sha256: sha256Schema,
});
export type StateHeader = z.infer<typeof headerSchema>;

interface StatePage {
  /** Guest-physical. */
  readonly address: number;
  readonly content: Buffer;
}

/** A saved machine that was read and checked: what PrewarmedMachine.load takes. */
export interface OpenedState {
  readonly header: StateHeader;
  /** The file's size. */
  readonly bytes: number;
  readonly pages: readonly StatePage[];
  /** The devices' sections of QEMU's stream, to its end. */
  readonly devices: Buffer;
}

export interface SaveOptions {
  /** What the machine is a clone of. */
  readonly template: Template;
  readonly file: string;
  /** See StateHeader. */
  readonly runOn: boolean;
  readonly signal?: AbortSignal;
}

const NEWLINE = 0x0a;
/** Before the devices' sections QEMU writes "QEVM" and a version, as before a whole stream. */
const DEVICES_HEADER_BYTES = 8;
const MEMORY_DUMP = "memory.dump";
const DEVICES_DUMP = "devices.dump";
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Saves a machine: stops its guest if that runs, and leaves it stopped.
 * @returns bytes on disk, and pages that differ from the template
 * @throws RingsideError `internal`, `conflict` where it is too large, `machine_gone`, `machine_unresponsive`; what writing throws
 */
export async function saveState(
  machine: Machine,
  place: MachinePlace,
  options: SaveOptions,
): Promise<{ readonly bytes: number; readonly pages: number }> {
  const { template, file, runOn } = options;
  const signal = options.signal === undefined ? machine.gone : AbortSignal.any([machine.gone, options.signal]);
  if (machine.state === "running") await machine.qmp.execute("stop", {}, { signal });
  const { pages, devices } = await dump(machine, place, template, signal);
  const payload = payloadOf(pages, devices);
  if (payload.length > SAVED_STATE_BYTES_MAX) {
    throw new RingsideError("conflict", { message: "The machine has changed too much of its memory to be saved" });
  }
  const compressed = await compress(payload);
  const header: StateHeader = {
    ...{ format: 2, template: template.contents, arch: template.arch, memoryMib: template.memoryMib, runOn },
    ...{ savedAt: new Date().toISOString(), payloadBytes: payload.length },
    sha256: createHash("sha256").update(compressed).digest("hex"),
  };
  const bytes = await writeWhole(file, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), compressed]));
  return { bytes, pages: pages.length };
}

/**
 * Reads and checks a saved machine.
 * @throws RingsideError `state_damaged` where it is missing or not whole
 */
export async function openState(file: string): Promise<OpenedState> {
  try {
    const { size } = await stat(file);
    if (size > SAVED_STATE_BYTES_MAX + STATE_HEADER_BYTES_MAX) throw new Error("it is too large");
    const content = await readFile(file);
    const end = content.subarray(0, STATE_HEADER_BYTES_MAX).indexOf(NEWLINE);
    if (end < 0) throw new Error("it has no header");
    const header = headerSchema.parse(JSON.parse(content.subarray(0, end).toString("utf8")));
    const compressed = content.subarray(end + 1);
    if (createHash("sha256").update(compressed).digest("hex") !== header.sha256)
      throw new Error("its sha256 is another");
    const payload = await decompress(compressed, { maxOutputLength: header.payloadBytes });
    return { header, bytes: content.length, ...partsOf(payload, header) };
  } catch (cause) {
    throw new RingsideError("state_damaged", { cause });
  }
}

/** Has QEMU write its memory and devices into files of its folder, and takes what differs from the template. */
async function dump(
  machine: Machine,
  place: MachinePlace,
  template: Template,
  signal: AbortSignal,
): Promise<{ readonly pages: readonly StatePage[]; readonly devices: Buffer }> {
  const inside = folderInside(place.confinement, place.folder);
  const [memory, devices] = [join(place.folder, MEMORY_DUMP), join(place.folder, DEVICES_DUMP)];
  try {
    // The folder is not QEMU's own any more: it can write only what it is given.
    for (const path of [memory, devices]) {
      await writeFile(path, "", { flag: "wx", mode: 0o600 });
      await giveTo(place, path);
    }
    await machine.qmp.execute("xen-save-devices-state", { filename: `${inside}/${DEVICES_DUMP}` }, { signal });
    const size = template.memoryMib * 1024 * 1024;
    await machine.qmp.execute("pmemsave", { val: 0, size, filename: `${inside}/${MEMORY_DUMP}` }, { signal });
    const { size: devicesBytes } = await stat(devices);
    if (devicesBytes > DEVICES_BYTES_MAX)
      throw new RingsideError("internal", { message: "QEMU's devices are too large" });
    await using dumped = await open(memory, "r");
    const pages = await pagesOfItsOwn(dumped, template.memory, size);
    return { pages, devices: (await readFile(devices)).subarray(DEVICES_HEADER_BYTES) };
  } finally {
    for (const path of [memory, devices]) await rm(path, { force: true });
  }
}

/** The pages of a dump that are not the template's. */
async function pagesOfItsOwn(dumped: FileHandle, template: FileHandle, size: number): Promise<readonly StatePage[]> {
  const pages: StatePage[] = [];
  const [ours, theirs] = [Buffer.alloc(MEMORY_CHUNK_BYTES), Buffer.alloc(MEMORY_CHUNK_BYTES)];
  for (let at = 0; at < size; at += MEMORY_CHUNK_BYTES) {
    const [got] = await Promise.all([
      dumped.read(ours, 0, MEMORY_CHUNK_BYTES, at),
      template.read(theirs, 0, MEMORY_CHUNK_BYTES, at),
    ]);
    if (got.bytesRead !== MEMORY_CHUNK_BYTES) {
      throw new RingsideError("internal", { message: "QEMU did not write all of the guest's memory" });
    }
    if (ours.equals(theirs)) continue;
    for (let page = 0; page < MEMORY_CHUNK_BYTES; page += GUEST_PAGE_BYTES) {
      const content = ours.subarray(page, page + GUEST_PAGE_BYTES);
      if (content.equals(theirs.subarray(page, page + GUEST_PAGE_BYTES))) continue;
      pages.push({ address: at + page, content: Buffer.from(content) });
    }
  }
  return pages;
}

function payloadOf(pages: readonly StatePage[], devices: Buffer): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(pages.length);
  const records = pages.flatMap(({ address, content }) => {
    const start = Buffer.alloc(8);
    start.writeBigUInt64BE(BigInt(address));
    return [start, content];
  });
  return Buffer.concat([count, ...records, devices]);
}

/** @throws Error where it is not what its header says */
function partsOf(payload: Buffer, header: StateHeader): Pick<OpenedState, "pages" | "devices"> {
  const record = 8 + GUEST_PAGE_BYTES;
  const count = payload.length < 4 ? 0 : payload.readUInt32BE();
  const end = 4 + count * record;
  if (payload.length !== header.payloadBytes || end >= payload.length) throw new Error("it is too short");
  const pages = Array.from({ length: count }, (_, n) => {
    const at = 4 + n * record;
    return { address: Number(payload.readBigUInt64BE(at)), content: payload.subarray(at + 8, at + record) };
  });
  return { pages, devices: payload.subarray(end) };
}

async function writeWhole(file: string, content: Buffer): Promise<number> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const writing = `${file}.${randomUUID()}.new`;
  try {
    await using handle = await open(writing, "wx", 0o600);
    await handle.writeFile(content);
    await handle.sync();
    await rename(writing, file);
    await syncToDisk(dirname(file));
    return content.length;
  } catch (error) {
    await rm(writing, { force: true });
    throw error;
  }
}
