import { eventSchema, readTraceBytes, type TraceEvent } from "@ringside/trace";

/** The events of a trace on disk. */
export async function readEvents(directory: string): Promise<TraceEvent[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readTraceBytes(directory)) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString("utf8").split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const { hash: _hash, ...event } = JSON.parse(line) as Record<string, unknown>;
      return eventSchema.parse(event);
    });
}
