import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { archSchema, RingsideError, sha256Schema } from "@ringside/shared";
import { z } from "zod";
import { CONSOLE_WINDOW_BYTES_MAX, TEMPLATE_FILE_BYTES_MAX } from "./limits.ts";
import { openSealedMemory } from "./sealed-memory.ts";
import { parseStateStream, type StateStream } from "./state-stream.ts";

/**
 * A Template on disk: `<cache>/templates/<key>/`
 *
 *   template.json   what it is            memory   the guest's memory, sparse
 *   state           the devices' state, as QEMU's migration stream without the memory
 *
 * A template is never rewritten: what differs in image, QEMU or flags has another key.
 */
export const TEMPLATE_FILE = "template.json";
export const STATE_FILE = "state";
export const MEMORY_FILE = "memory";
export const TEMPLATE_FORMAT = 3;

export const templateFileSchema = z.strictObject({
  format: z.literal(TEMPLATE_FORMAT),
  key: sha256Schema,
  /** sha256 of memory and state: two makings with the same key differ, and a saved state fits only its own. */
  contents: sha256Schema,
  image: sha256Schema,
  arch: archSchema,
  memoryMib: z.int().min(1),
  qemuVersion: z.string().min(1).max(200),
  stateBytes: z.int().min(1),
  /** Guest-physical address of the parameters page. */
  parametersAt: z.int().min(0),
  /** What the guest had written to its console, one character per byte: clones go on from there. */
  consoleStart: z.string().max(CONSOLE_WINDOW_BYTES_MAX),
});
export type TemplateFile = z.infer<typeof templateFileSchema>;

/** A template that clones can start from. */
export interface Template extends TemplateFile {
  readonly folder: string;
  readonly stateFile: string;
  /** The state, taken apart. */
  readonly stream: StateStream;
  /** Open, sealed: clones map it copy-on-write and nobody can write to it. */
  readonly memory: FileHandle;
}

/** The sha256 of a template's memory and state, in this order. */
export async function templateContents(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of [MEMORY_FILE, STATE_FILE]) {
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

/** Reads `template.json`, or null where there is no whole template. */
export async function readTemplateFile(folder: string): Promise<TemplateFile | null> {
  const path = join(folder, TEMPLATE_FILE);
  const found = await stat(path).catch(() => null);
  if (found === null || found.size > TEMPLATE_FILE_BYTES_MAX) return null;
  const text = await readFile(path, "utf8");
  const parsed = templateFileSchema.safeParse(JSON.parse(text));
  if (!parsed.success) return null;
  const sizes = await Promise.all(
    [STATE_FILE, MEMORY_FILE].map((name) => stat(join(folder, name)).then((s) => s.size)),
  );
  const whole = sizes[0] === parsed.data.stateBytes && sizes[1] === parsed.data.memoryMib * 1024 * 1024;
  return whole ? parsed.data : null;
}

/**
 * Opens a template for cloning: copies its memory into sealed memory.
 * @param folder the template's folder
 * @param helperFolder where the compiled memory helper is kept
 * @throws RingsideError `internal` when it is not whole
 */
export async function openTemplate(folder: string, helperFolder: string): Promise<Template> {
  const file = await readTemplateFile(folder).catch(() => null);
  if (file === null) throw new RingsideError("internal", { message: `the template in ${folder} is damaged` });
  const stateFile = join(folder, STATE_FILE);
  const stream = parseStateStream(await readFile(stateFile));
  const memory = await openSealedMemory(join(folder, MEMORY_FILE), helperFolder);
  return { ...file, folder, stateFile, stream, memory };
}

/** Makes what was written to `path` survive a power cut. */
export async function syncToDisk(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}
