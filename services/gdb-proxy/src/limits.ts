/** Bounds of this process. Those that other processes must know stand in packages/shared. */

// The stub
/** QEMU answers E22 above this. */
export const STUB_MEMORY_BYTES_MAX = 0x800;
/** Questions that a stopped stub has at a time; their answers, of some 4 KB each, wait in its socket. */
export const STUB_PACKETS_AHEAD_MAX = 16;
export const STUB_CONNECT_MS = 5_000;
/** A stopped stub answers in well under a millisecond. */
export const STUB_REPLY_MS = 5_000;
/** Packets that a stub may send where none is due before its link is given up. */
export const STUB_STRAY_PACKETS_MAX = 64;
export const STUB_DAMAGED_PACKETS_MAX = 16;
/** Packets that one answer of QEMU's monitor may take. */
export const MONITOR_REPLY_PACKETS_MAX = 16;
export const FEATURE_FILES_MAX = 16;
export const FEATURE_BYTES_MAX = 256 * 1024;
/** QEMU gives at most this much of a document at a time. */
export const FEATURE_PIECE_BYTES = 0x7f0;

// What gdb may ask
/** PacketSize that gdb is told: what it sends is no longer, nor what it is answered. */
export const GDB_PACKET_BYTES = 0x1_0000;
/** A larger read is answered in part, as the protocol allows. */
export const MEMORY_READ_BYTES_MAX = GDB_PACKET_BYTES / 2;
export const BREAKPOINTS_MAX = 1_000;
/** A breakpoint's kind or a watchpoint's length. */
export const BREAKPOINT_LENGTH_MAX = 4_096;
export const VCONT_ACTIONS_MAX = 16;
export const THREADS_MAX = 64;
/** Of QEMU's words about a thread: so that all threads fit into one answer. */
export const THREAD_WORDS_CHARS_MAX = 32;
/** A longer watched range is no one value: gdb sees each write there. */
export const WATCHED_BYTES_MAX = 64;
/** Places whose watched values are known. */
export const WATCHED_VALUES_MAX = 64;
/** A Ctrl-C that arrives between two single steps ends the next one, if that comes within this time. */
export const INTERRUPT_KEPT_MS = 1_000;
export const MONITOR_COMMAND_CHARS_MAX = 200;
/** Locally answered packets of one event, in characters (bytes). */
export const NOTED_CHARS_MAX = 256 * 1024;
/** What `monitor type` types at a time. */
export const MONITOR_TYPED_CHARS_MAX = 200;

// Several debuggers
export const DEBUGGERS_MAX = 8;
/** Breakpoints of one who hung up without a word stay in for this long, for when they come back. */
export const RECONNECT_MS = 60_000;
/**
 * Who does not drive but must be told a stop of a machine that runs sees it standing until they have asked for
 * nothing for GLANCE_IDLE_MS, and no longer than GLANCE_MS.
 */
export const GLANCE_IDLE_MS = 400;
export const GLANCE_MS = 3_000;

// Stepping and conditions beside the stub
/** Steps of a range without giving way to other machines. */
export const RANGE_STEPS_PER_TURN_MAX = 64;
/** Steps after which a range ends where it is; gdb asks again. */
export const RANGE_STEPS_MAX = 1_000_000;
/** Conditions that do not hold, without giving way to other machines. */
export const CONDITION_MISSES_PER_TURN_MAX = 16;

// Stepping ahead of a debugger that steps by itself
/** Below the stack pointer: what an exception would write. */
export const AHEAD_STACK_BYTES = 256;
/** Pages that come with steps ahead because one of them stands there or gdb looked at them. */
export const AHEAD_PLACES_MAX = 40;

// What a stop is recorded with
export const STOP_FRAMES_MAX = 48;
export const STOP_READS_MAX = 16;
/** Instructions that are looked at for the beginning of a function, and the bytes that they may have together. */
export const PROLOGUE_INSTRUCTIONS_MAX = 24;
export const PROLOGUE_BYTES = 96;

// Clients
export const CLIENT_FRAME_BYTES_MAX = 64 * 1024;
export const CLIENT_FRAGMENTS_MAX = 64;
/** Packets of one gdb that wait for the machine; then reading from it stops. */
export const PENDING_PACKETS_MAX = 64;
/** What one chunk may bring beyond that. */
export const PENDING_BYTES_MAX = 256 * 1024;
/** Packets handled without giving way to other connections. */
export const PACKETS_PER_TURN_MAX = 32;
/** Unsent bytes above which nothing more is taken from a gdb. */
export const GDB_UNSENT_BYTES_MAX = 256 * 1024;
/** Unsent bytes above which a console's output is dropped with a note. */
export const CONSOLE_UNSENT_BYTES_MAX = 512 * 1024;
/** A client that reads nothing for this long is closed. */
export const CLIENT_STALL_MS = 30_000;
/** Bytes outside packets after which a client is no gdb. */
export const NOISE_BYTES_MAX = 4_096;
export const NAKS_MAX = 16;
export const PING_MS = 15_000;
/** Pings without an answer; with PING_MS a dead peer is found within 45 s. */
export const PINGS_MISSED_MAX = 2;
/**
 * A peer that acknowledges nothing of what it was sent, looked at every PEER_LOOK_MS: with the two a vanished one is
 * found within 40 s. One that is sent nothing is found by pings, or (plain TCP) by keep-alive: PING_MS and ten probes
 * of a second each.
 */
export const PEER_SILENCE_MS = 30_000;
export const PEER_LOOK_MS = 5_000;
/** A closing client that does not answer the close frame is cut off. */
export const CLOSE_GRACE_MS = 2_000;
/** Open WebSockets, and upgrades whose ticket is being looked at. */
export const CONNECTIONS_MAX = 2_000;
export const CONNECTIONS_RETRY_SECONDS = 5;

// The link
/** Where the other side is no further away than this, one more question costs less than a guess. */
export const LINK_RTT_SMALL_MS = 1;
/** Pings whose fastest answer counts as the round trip. */
export const LINK_RTT_SAMPLES_MAX = 4;
/**
 * Unsent bytes above which nothing more is taken from a near agent. With one more message, what is held of its own,
 * the pages that it was sent (PAGES_KEPT_MAX) and zlib, one that reads nothing costs less than 2 MiB.
 */
export const LINK_UNSENT_BYTES_MAX = 256 * 1024;
/** Messages that one chunk may bring beyond that. */
export const LINK_HELD_MESSAGES_MAX = 16;
/** The same in bytes, as they came and unpacked: one of the longest. */
export const LINK_HELD_BYTES_MAX = 260 * 1024;
/** Attaches of one link that wait for the one before to be over. */
export const LINK_ATTACHES_WAITING_MAX = 4;
/** Packets of one request that are carried out without giving way to other connections. */
export const LINK_PACKETS_PER_TURN_MAX = 32;
/** Pages that are known at one stop: 1 MiB. */
export const LINK_STOP_PAGES_MAX = 256;
/** Pages that are read together, before it is looked whether there is time for more. */
export const PAGES_TOGETHER_MAX = 8;
/** Pages that come with a stop. */
export const BUNDLE_PAGES_MAX = 96;
/** Where the line is short, guesses at a stop end after this; where it is long, after a share of its round trip. */
export const BUNDLE_MS = 8;
export const BUNDLE_MS_MAX = 50;
/** Code before and behind the place where the machine stopped. */
export const BUNDLE_CODE_BYTES = 0x400;
/** A longer instruction does not exist. */
export const INSTRUCTION_BYTES_MAX = 16;
/** Linux's kernel stacks are this large and start at multiples of it. */
export const KERNEL_STACK_BYTES = 16 * 1024;
/** Of a stack without such an end. */
export const BUNDLE_STACK_PAGES_MAX = 4;
export const BUNDLE_FRAME_PAGES_MAX = 16;
export const BUNDLE_REGISTER_PAGES_MAX = 16;
/** Pages that come with the end of a step because they were read at the stop before. */
export const STEP_PAGES_MAX = 16;
/** Code that the innermost frames return to, after a step. */
export const STEP_FRAME_PAGES_MAX = 2;
/** Pages that come with a step where the line is short. */
export const STEP_PAGES_NEARBY_MAX = 2;
/** Pages that a client read lately, and stops without reading one after which it is forgotten. */
export const RECENT_PAGES_MAX = 48;
export const RECENT_STOPS_MAX = 8;
/** Read-ahead: pages that come with the first one, and at most. */
export const AHEAD_FIRST_PAGES_MAX = 4;
export const AHEAD_PAGES_MAX = 32;
/** Places where one client reads on and on. */
export const AHEAD_STREAMS_MAX = 8;
/** Reads that are looked at for the way from one list node to the next. */
export const CHASE_READS_MAX = 64;
/** A read of more bytes is no reading of a pointer. */
export const CHASE_POINTER_READ_BYTES_MAX = 256;
export const CHASE_NODES_MAX = 64;
export const CHASE_PAGES_MAX = 64;
/** How far from a node's pointer the node's other fields may lie. */
export const CHASE_SPAN_BYTES = 0x2000;
/** Fields of each node that are followed. */
export const CHASE_FIELDS_MAX = 16;
/** Physical memory that may be read in whole pages wherever it is mapped one to one: below any device. */
export const RAM_BYTES_SURE = { x86_64: 512 * 1024 * 1024, i386: 32 * 1024 * 1024 } as const;
/** Of a 32-bit machine's memory: Linux maps up to 896 MiB one to one, and no lab's machine has more than this. */
export const LOW_MEMORY_BYTES_MAX = 512 * 1024 * 1024;

// Files for gdb
/** Images whose files are known. */
export const FILE_SETS_MAX = 64;

// The console
export const CONSOLE_FIRST_BYTES = 64 * 1024;
export const CONSOLE_LAST_BYTES = 192 * 1024;
/** A serial line brings bytes one by one: they are gathered for this long, or until they are so many. */
export const CONSOLE_GATHER_MS = 4;
export const CONSOLE_GATHER_BYTES = 16 * 1024;
export const CONSOLE_RECORD_BYTES_PER_SECOND = 128 * 1024;
export const CONSOLE_RECORD_BURST_BYTES = 512 * 1024;
/** Recorded console output of one machine, in bytes on disk: what is left belongs to gdb. */
export const CONSOLE_RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of one event beside its data. */
export const EVENT_OVERHEAD_BYTES = 160;
export const CONSOLE_DROPPED_REPORT_MS = 1_000;
export const CONSOLE_EVENT_BYTES_MAX = 64 * 1024;
/** Typed bytes that the guest has not taken yet; then reading from console clients stops. */
export const CONSOLE_INPUT_BYTES_MAX = 64 * 1024;
/** What a recorded machine's serial port is given at a time: half its FIFO. */
export const CONSOLE_PACED_BYTES = 8;
/** Silence after which a recorded machine's guest has taken what it does not echo. */
export const CONSOLE_ECHO_MS = 20;
export const CONSOLE_CLIENTS_MAX = 16;
export const CONSOLE_RECONNECT_MS = 200;
export const CONSOLE_RECONNECTS_MAX = 5;
/** A recorded machine that has been ended closes its console at once. */
export const CONSOLE_LAST_WORDS_MS = 2_000;

// The cell
export const MACHINES_MAX = 1_024;
/** Its console start alone may take six characters per byte. */
export const MACHINE_FILE_BYTES_MAX = 512 * 1024;
export const MACHINES_POLL_MS = 1_000;
/** While a folder has no machine.json yet, or right after something changed. */
export const MACHINES_POLL_SOON_MS = 50;
/** A session whose machine is gone keeps its trace open this long, for a reset. */
export const SESSION_LINGER_MS = 60_000;
/** A trace that could not be opened is tried again after this. */
export const SESSION_RETRY_MS = 5_000;
export const PRESENCE_TRIES_MAX = 30;
export const PRESENCE_RETRY_MS = 2_000;
export const REDIS_COMMAND_MS = 2_000;
/** On SIGTERM: time to take breakpoints out and to say goodbye. */
export const DRAIN_MS = 4_000;

// Sleep, and what the runner is asked
/** A client of a sleeping machine is held this long. */
export const WAKE_MS = 30_000;
/** Saving takes tens of ms, but a busy cell may do many at once. */
export const CELL_LINK_MS = 30_000;
/** A nudge that takes longer is of no use any more: the guest wakes of itself within a second. */
export const NUDGE_MS = 1_000;
export const CELL_LINK_ANSWER_BYTES_MAX = 64 * 1024;
export const CELL_LINK_SOCKETS_MAX = 16;
/** Errands of one session that wait for each other. */
export const ERRANDS_WAITING_MAX = 16;
/** Idle machines that are put to sleep at the same time. */
export const IDLE_SLEEPS_MAX = 2;
/** An idle machine that could not be saved is tried again after this. */
export const IDLE_RETRY_MS = 60_000;

// HTTP and TCP entries
/** From the connection to its first whole headers, an upgrade's too; looked at every CONNECTION_CHECK_MS. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** The same for the whole request. */
export const REQUEST_TIMEOUT_MS = 15_000;
export const CONNECTION_CHECK_MS = 2_000;
/** Between two requests of one connection. */
export const KEEP_ALIVE_MS = 10_000;
/** Connections without a whole request: the oldest of the address goes, or of the address that has the most. */
export const HALF_MADE_PER_ADDRESS_MAX = 256;
export const HALF_MADE_MAX = 1_024;
export const HEADER_BYTES_MAX = 16 * 1024;
export const BODY_BYTES_MAX = 4_096;
export const TCP_ENTRY_MS = 60_000;
export const TCP_ENTRIES_MAX = 256;
/** Connections from elsewhere that an entry turns away before it closes. */
export const TCP_STRANGERS_MAX = 100;
/** Waiting for the first packet of a gdb that cannot be served, to answer it with the reason. */
export const TCP_REFUSAL_MS = 5_000;
