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
/** Pages that both ends keep as they were sent last, for the next to travel as what has changed: 2 MiB. */
export const PAGES_KEPT_MAX = 512;
/** A page with more changed lines than this travels whole. */
export const LINES_SENT_MAX = 48;
/** Pages of one `read`. */
export const READ_PAGES_MAX = 64;
/** Packets that may go before the last of one `packets`. */
export const FIRST_PACKETS_MAX = 2_048;
/** Locally answered packets that one message tells of; the near agent sends one before there are more. */
export const NOTED_PACKETS_MAX = 512;
/** Longest payload of one packet, in bytes. */
export const PAYLOAD_BYTES_MAX = 16 * 1024;
export const TEXT_CHARS_MAX = 2_000;
