import { once } from "node:events";
import type { Writable } from "node:stream";

/**
 * Writes pieces as fast as their reader takes them. A reader that goes away (`… | head`) ends it quietly.
 * @throws the signal's reason
 */
export async function writeAll(
  stream: Writable,
  pieces: Iterable<string | Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for (const piece of pieces) {
    signal.throwIfAborted();
    if (!stream.writable) return;
    if (stream.write(piece)) continue;
    const gone = new AbortController();
    const either = AbortSignal.any([signal, gone.signal]);
    try {
      await Promise.race([once(stream, "drain", { signal: either }), once(stream, "close", { signal: either })]);
    } catch {
      signal.throwIfAborted();
      return;
    } finally {
      gone.abort();
    }
  }
}
