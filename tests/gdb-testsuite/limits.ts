/**
 * Longest payload that the relay passes, in bytes. gdbserver's buffer is 18,432 bytes, and that is before its runs
 * are expanded; QEMU's packets, which the services carry, are shorter.
 */
export const RELAYED_PACKET_BYTES_MAX = 0x10000;
/** Ports of gdbservers that one test file may have; the oldest is given up for one more. */
export const RELAYED_PORTS_MAX = 256;
/** Connections at once, over all ports. */
export const RELAYED_CONNECTIONS_MAX = 64;
/** A request for a port is one short line. */
export const PORT_REQUEST_BYTES_MAX = 64;
export const PORT_REQUEST_MS = 5_000;
/** Tries to get one port number on both loopback addresses. */
export const PORT_TRIES_MAX = 32;
/** Connecting on loopback, to a gdbserver that has said it listens. */
export const CONNECT_MS = 10_000;

/** One test file in one way. The slowest takes about a minute; gdb's own timeouts end what hangs. */
export const FILE_MS = 900_000;
/** What is read of a file's results: the largest has some 5,000 lines. */
export const SUM_BYTES_MAX = 16 * 1024 * 1024;
/** Times that a file is run again, both ways, where fewer tests passed through the codec. */
export const ROUNDS_MAX = 3;

export const FETCH_MS = 900_000;
export const UNPACK_MS = 300_000;
export const PROBE_MS = 30_000;
/** A process of a finished test file that has not ended by itself, after SIGKILL. */
export const LEFT_PROCESS_MS = 5_000;
