/**
 * Longest payload of a packet, in bytes, after unescaping and run-length expansion. QEMU's packets have at
 * most 4096; gdb keeps to the PacketSize that it is told.
 */
export const PACKET_BYTES_MAX = 0x4000;
