/**
 * Longest payload of a packet, in bytes, after unescaping and run-length expansion. QEMU's packets have at
 * most 4096; gdb keeps to the PacketSize that it is told.
 */
export const PACKET_BYTES_MAX = 0x4000;
/** Longest bytecode of one breakpoint condition, in bytes: what one packet of gdb's can carry. */
export const AGENT_CODE_BYTES_MAX = 2_048;
/** Conditions of one breakpoint packet. */
export const AGENT_CONDITIONS_MAX = 16;
/** Operations that one evaluation may take. What gdb makes of a condition has no loops. */
export const AGENT_STEPS_MAX = 1_024;
/** Values on the evaluation's stack. */
export const AGENT_STACK_MAX = 64;
/** Files that one gdb may hold open. */
export const OPEN_FILES_MAX = 16;
/** Bytes of one read: a whole number of pages, and with its head still a packet. */
export const VIRTUAL_READ_BYTES_MAX = PACKET_BYTES_MAX - 0x1000;
