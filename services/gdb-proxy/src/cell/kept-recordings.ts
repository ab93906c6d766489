import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { SessionRecording } from "@ringside/shared";
import { eventSchema, readTraceBytes } from "@ringside/trace";

export interface RecordedStory {
  /** True where one of the session's machines was recorded. */
  readonly recorded: boolean;
  /** The recordings that the trace names already. */
  readonly kept: readonly SessionRecording[];
}

/** Quotes within an event's data are escaped: these can only be an event's own type. */
const TELLING = /"type":"(?:machine\.found|recording\.kept)"/;

/** What a trace on disk says of recordings. @throws RingsideError not_found where there is none */
export async function recordedStory(directory: string): Promise<RecordedStory> {
  let recorded = false;
  const kept: SessionRecording[] = [];
  const lines = createInterface({ input: Readable.from(readTraceBytes(directory), { objectMode: false }) });
  for await (const line of lines) {
    if (!TELLING.test(line)) continue;
    const { hash: _hash, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const event = eventSchema.parse(fields);
    if (event.type === "machine.found") recorded ||= event.template !== undefined;
    if (event.type !== "recording.kept") continue;
    const { epoch, sha256, bytes, template, whole } = event;
    kept.push({ epoch, sha256, bytes, template, whole });
  }
  return { recorded, kept };
}
