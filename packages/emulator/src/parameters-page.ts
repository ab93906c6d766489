import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { type Parameters, parametersSchema, RingsideError } from "@ringside/shared";
import { MEMORY_CHUNK_BYTES, PARAMETER_LINE_BYTES_MAX } from "./limits.ts";
import { GUEST_PAGE_BYTES } from "./state-stream.ts";

/**
 * The page of the guest's memory in which it finds its student's values: PAGE_MAGIC, then the line, ended by a zero.
 * MenuOS's side is course/initrd/page.c. A template notes where the page is; a clone starts with another in its place.
 */
const PAGE_MAGIC = Buffer.from("RINGSIDE PARAMETERS PAGE NO. 1\n\0", "latin1");

/**
 * The line that tells a guest its student's values: `params backlog=17 port=5001`, keys sorted, no newline.
 * @throws RingsideError `bad_request` when it is longer than the guest takes
 */
export function parametersLine(parameters: Parameters): string {
  const entries = Object.entries(parametersSchema.parse(parameters)).sort(([a], [b]) => (a < b ? -1 : 1));
  const line = ["params", ...entries.map(([key, value]) => `${key}=${value}`)].join(" ");
  if (Buffer.byteLength(line) > PARAMETER_LINE_BYTES_MAX) {
    const message = `the parameters are longer than the guest's ${PARAMETER_LINE_BYTES_MAX} bytes`;
    throw new RingsideError("bad_request", { message });
  }
  return line;
}

/** The page for these values. @throws as parametersLine */
export function parametersPage(parameters: Parameters): Buffer {
  const page = Buffer.alloc(GUEST_PAGE_BYTES);
  PAGE_MAGIC.copy(page);
  page.write(parametersLine(parameters), PAGE_MAGIC.length, "latin1");
  return page;
}

/**
 * A kernel's command line for a machine without a template: what the kernel does not know itself it hands to the first
 * program as environment, where MenuOS looks.
 * @throws as parametersLine
 */
export function commandLineWith(commandLine: string, parameters: Parameters): string {
  return `${commandLine} MENUOS_PARAMETERS="${parametersLine(parameters)}"`;
}

/**
 * Finds the page in a guest's memory and gives its address. Waits for the file: only for a template's making.
 * @throws RingsideError `internal` unless there is exactly one
 */
export function findParametersPage(memory: FileHandle, memoryBytes: number): number {
  const found: number[] = [];
  const chunk = Buffer.alloc(MEMORY_CHUNK_BYTES);
  for (let at = 0; at < memoryBytes; ) {
    const bytesRead = readSync(memory.fd, chunk, 0, chunk.length, at);
    if (bytesRead === 0) break;
    for (let page = 0; page < bytesRead; page += GUEST_PAGE_BYTES) {
      if (chunk.subarray(page, page + PAGE_MAGIC.length).equals(PAGE_MAGIC)) found.push(at + page);
    }
    at += bytesRead;
  }
  const [address] = found;
  if (address !== undefined && found.length === 1) return address;
  const why = `the guest has ${found.length} pages for its parameters in memory, and must have one`;
  throw new RingsideError("internal", { message: `${why}: is its first program MenuOS of course/initrd?` });
}
