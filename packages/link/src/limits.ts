/** One page of a bundle. */
export const PAGE_BYTES = 4_096;
/** A changed page travels as those of its lines that changed. */
export const LINE_BYTES = 64;
/** Pages of one message: 1 MiB. */
export const MESSAGE_PAGES_MAX = 256;
export const MESSAGE_HEAD_BYTES_MAX = 256 * 1024;
/** Longest message, in bytes: what a peer must buffer for one. */
export const MESSAGE_BYTES_MAX = MESSAGE_HEAD_BYTES_MAX + MESSAGE_PAGES_MAX * PAGE_BYTES + 4;
/** Longest message of a near agent, in bytes: it sends no pages. */
export const NEAR_MESSAGE_BYTES_MAX = MESSAGE_HEAD_BYTES_MAX + 4;
/** Pages that both ends keep as they were sent last, for the next to travel as what has changed: 1 MiB. */
export const PAGES_KEPT_MAX = 256;
/** A page with more changed lines than this travels whole. */
export const LINES_SENT_MAX = 48;
/** Pages of one `read`. */
export const READ_PAGES_MAX = 64;
/** Packets that may go before the last of one `packets`. */
export const FIRST_PACKETS_MAX = 2_048;
/** Locally answered packets that one message tells of; the near agent sends one before there are more. */
export const NOTED_PACKETS_MAX = 512;
/** Longest payload of one packet, in bytes: what the cell's policy takes and answers at most. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;
/** Steps that the cell may take ahead of gdb with one request. */
export const STEPS_AHEAD_MAX = 64;
/** Logs of steps ahead that a near agent may mean when it does not know what the cell has heard. */
export const BACKS_MAX = 2;
/** Registers that one step ahead may change: the general ones, the program counter, the flags. */
export const STEP_REGISTERS_MAX = 18;
/** Pieces of pages that one step ahead may change: a few writes, each in a page or two. */
export const STEP_CHANGES_MAX = 8;
/** Hex digits of one such piece: an instruction of those that are stepped ahead writes at most 16 bytes. */
export const STEP_CHANGE_CHARS_MAX = 32;
/** Hex digits of one register: none of those that steps ahead change has more than 8 bytes. */
export const STEP_REGISTER_CHARS_MAX = 16;
export const TEXT_CHARS_MAX = 2_000;
