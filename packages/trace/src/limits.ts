/** Characters (bytes) of one packet, reply or piece of console in an event; as in events.ts. */
export const EVENT_DATA_CHARS_MAX = 1_048_576;
/** Packets of one `gdb.noted`, and characters (bytes) of each. */
export const NOTED_PACKETS_MAX = 512;
export const NOTED_PACKET_CHARS_MAX = 16 * 1024;
export const ANSWER_CHARS_MAX = 200;
/** One line of a trace: JSON may write a byte as six characters (`\u0000`). */
export const LINE_BYTES_MAX = 6 * EVENT_DATA_CHARS_MAX + 65_536;
/** More events than fit into the largest trace. */
export const EVENTS_MAX = 1_000_000;
/** Where a segment ends and the next begins. */
export const SEGMENT_BYTES_MAX = 8 * 1024 * 1024;
/** Six digits of a segment's name. */
export const SEGMENTS_MAX = 999_999;
/** Kept free below a trace's limit for `trace.resumed` and `trace.sealed`: ordinary events may not use it. */
export const RESERVE_BYTES = 4_096;
/** Of the reserve, kept for the seal alone. */
export const SEAL_BYTES_MAX = 512;
/** A trace is read from disk in pieces of this size. */
export const READ_BYTES = 256 * 1024;
/** Waiting for the kernel to give the lock's socket, which it answers at once. */
export const LOCK_TIMEOUT_MS = 5_000;
/** A kernel's System.map; Linux has some 150,000 symbols in 7 MB. */
export const SYMBOLS_BYTES_MAX = 64 * 1024 * 1024;
export const SYMBOLS_MAX = 1_000_000;
/** A console line in a fact; what is longer is cut. */
export const CONSOLE_LINE_CHARS_MAX = 4_096;
/** Staged lines of one turn above which they are written before the turn is over. */
export const STAGED_BYTES_MAX = 256 * 1024;
