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
/** Exported times end here, ten years after the trace was opened: other formats count in whole numbers of 64 bits. */
export const EXPORT_MS_MAX = 10 * 366 * 86_400_000;
/** A packet of a Common Trace Format stream is closed at this size; a larger event gets one of its own. */
export const CTF_PACKET_BYTES = 256 * 1024;
/** One event there: every byte of the longest line may be written as four (`\x7f`). */
export const CTF_EVENT_BYTES_MAX = 4 * LINE_BYTES_MAX + 65_536;
/** Objects whose place in memory is known at a time; more are not learned. */
export const OBJECTS_MAX = 4_096;
/** Objects known in one page of memory above which no more are learned there. */
export const OBJECTS_A_PAGE_MAX = 64;
/** Of a read of memory, so many bytes are searched for known objects. */
export const OBJECT_BYTES_MAX = 65_536;
/** Members that one read shows: `print *sk` of a TCP socket shows those of five structures inside each other. */
export const LOOKS_MAX = 2_048;
/** Members that all reads of a trace show; behind them, reads show none. */
export const LOOKS_IN_TRACE_MAX = 500_000;
/** A read's bytes that a fact keeps: a line of the data cache that gdb is given over the TCP entry. */
export const READ_BYTES_KEPT_MAX = 16_384;
/** Breakpoints that one stop tells of as missed. */
export const MISSED_MAX = 64;
/** Breakpoints that are looked at when the machine is set running. */
export const STANDING_MAX = 4_096;

/** Registers that a program entered the kernel with. */
export const USER_REGISTERS_MAX = 24;
