import { RingsideError, type Seal } from "@ringside/shared";
import type { TraceEventOf } from "./events.ts";
import { readEvents, sealAt, type TraceEnd, type TraceLimits } from "./reader.ts";
import { listSegments, readSegment, readTraceBytes, type Segment, segmentName } from "./segments.ts";

/** A trace found on disk, checked from its first byte to its last. */
export interface ExistingTrace extends TraceEnd {
  readonly segments: readonly Segment[];
  readonly opened: TraceEventOf<"trace.opened"> | null;
  /** Bytes of a half-written last line; only the last segment can have one. */
  readonly tornBytes: number;
}

/**
 * Checks what is on disk before a writer goes on with it.
 * @throws RingsideError trace_damaged for any damage but a torn last line
 */
export async function checkExisting(directory: string): Promise<ExistingTrace> {
  const segments = listSegments(directory);
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const { opened, end } = await readThrough(chunksOf(segments), { bytesMax: bytes });
  const tornBytes = bytes - end.position.bytes;
  switch (end.damage?.kind) {
    case undefined:
    case "empty":
      return { ...end, segments, opened, tornBytes };
    case "torn_line":
      if (tornBytes <= (segments.at(-1)?.bytes ?? 0)) return { ...end, segments, opened, tornBytes };
      throw damaged(`${segmentName(segments.length - 1)} ends in the middle of a line`);
    default:
      throw damaged(end.damage?.why ?? "");
  }
}

/**
 * The seal of the trace in this folder, or null while it is not sealed.
 * @throws RingsideError not_found where there is no trace, trace_damaged where it is not whole
 */
export async function readSeal(directory: string): Promise<Seal | null> {
  const { end } = await readThrough(readTraceBytes(directory), {});
  if (end.position.sealed && end.damage === null) return sealAt(end.position);
  if (end.damage === null || end.damage.kind === "torn_line" || end.damage.kind === "empty") return null;
  throw damaged(end.damage.why);
}

async function readThrough(chunks: AsyncIterable<Uint8Array>, limits: TraceLimits) {
  const reading = readEvents(chunks, limits);
  let opened: ExistingTrace["opened"] = null;
  for (;;) {
    const next = await reading.next();
    if (next.done) return { opened, end: next.value };
    if (next.value.type === "trace.opened") opened = next.value;
  }
}

async function* chunksOf(segments: readonly Segment[]): AsyncGenerator<Uint8Array, void, void> {
  for (const segment of segments) yield* readSegment(segment);
}

function damaged(why: string): RingsideError {
  return new RingsideError("trace_damaged", { message: `The trace is damaged: ${why}` });
}
