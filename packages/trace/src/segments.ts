import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { READ_BYTES, SEGMENTS_MAX } from "./limits.ts";

/** A trace's folder holds its segments `000001.jsonl`, `000002.jsonl` … without gaps. */
const SEGMENT_NAME = /^\d{6}\.jsonl$/;

export interface Segment {
  readonly path: string;
  readonly bytes: number;
}

/** The name of the segment with this number, from 1. */
export function segmentName(number: number): string {
  assert(number >= 1 && number <= SEGMENTS_MAX, "segment number out of range");
  return `${String(number).padStart(6, "0")}.jsonl`;
}

/**
 * The segments of a trace in order, with their sizes at this moment; empty where there is no trace.
 * @throws RingsideError trace_damaged where one is missing
 */
export function listSegments(directory: string): readonly Segment[] {
  const names = namesIn(directory)
    .filter((name) => SEGMENT_NAME.test(name))
    .sort();
  return names.map((name, index) => {
    if (name !== segmentName(index + 1)) {
      throw new RingsideError("trace_damaged", { message: `The trace's segment ${segmentName(index + 1)} is missing` });
    }
    const path = join(directory, name);
    return { path, bytes: statSync(path).size };
  });
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/**
 * The bytes of a trace, all segments in order, as far as they went when reading began: a trace that
 * grows in this process is read up to its last whole event.
 * @throws RingsideError not_found where there is no trace, trace_damaged where a segment is missing or shrank
 */
export async function* readTraceBytes(directory: string): AsyncGenerator<Uint8Array, void, void> {
  const segments = listSegments(directory);
  if (segments.length === 0) throw new RingsideError("not_found", { message: "There is no trace of this session" });
  for (const segment of segments) yield* readSegment(segment);
}

/** The bytes of one segment up to its size as listed. */
export async function* readSegment(segment: Segment): AsyncGenerator<Buffer, void, void> {
  await using file = await open(segment.path, "r");
  for (let at = 0; at < segment.bytes; ) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, segment.bytes - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new RingsideError("trace_damaged", { message: "A segment of the trace shrank" });
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
