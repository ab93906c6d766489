/** Bounds of the CLI and of the box that it runs. Times in ms, sizes in bytes, unless the name says otherwise. */

/** Longest line of a child's output that is looked at or logged; the rest of it is cut. */
export const CHILD_LINE_CHARS_MAX = 16_384;
/** Output kept of a child that runs to its end. */
export const CHILD_OUTPUT_CHARS_MAX = 1_048_576;
/** A child that was killed with SIGKILL is gone within this time, or the kernel holds it. */
export const CHILD_KILL_MS = 5_000;

/** initdb, copying its binaries included. */
export const POSTGRES_INIT_MS = 60_000;
export const POSTGRES_READY_MS = 60_000;
/** A fast shutdown writes a checkpoint. */
export const POSTGRES_STOP_MS = 10_000;
export const POSTGRES_CONNECT_MS = 2_000;

export const REDIS_READY_MS = 30_000;
export const REDIS_STOP_MS = 5_000;
export const REDIS_CONNECT_MS = 2_000;

/** Time between two looks at something that is starting. */
export const POLL_MS = 50;

/** Where stderr is no terminal, progress prints a line at most this often. */
export const PROGRESS_LINE_MS = 4_000;

/** One API request, waiting (`?wait_ms=`) not counted. */
export const API_TIMEOUT_MS = 15_000;
/** How long one request asks the server to wait for a change. */
export const API_WAIT_MS = 20_000;
/** The same where somebody watches their place in the queue. */
export const QUEUE_LOOK_MS = 3_000;
/** On top of API_TIMEOUT_MS: a cell saves a machine, or wakes one, while the request waits; the api gives it 45 s. */
export const MACHINE_WAIT_MS = 45_000;
export const API_BODY_BYTES_MAX = 32 * 1024 * 1024;
/** A debug file is about 100 MB. */
export const DOWNLOAD_BYTES_MAX = 1024 * 1024 * 1024;
export const DOWNLOAD_TIMEOUT_MS = 600_000;

/** From a service's start to its "ready" line; the api migrates its database in that time. */
export const SERVICE_READY_MS = 60_000;
/** A service's orderly end; the runner ends its machines in that time. */
export const SERVICE_STOP_MS = 15_000;
export const RUNNER_STOP_MS = 20_000;

/** A part that died is started again after this, doubled each time up to the most. */
export const RESTART_DELAY_MS = 250;
export const RESTART_DELAY_MS_MAX = 15_000;
/** A part that ran this long is healthy again: its delay starts anew. */
export const RESTART_HEALTHY_MS = 60_000;
/** More restarts of one part than this within the window, and the box gives up. */
export const RESTARTS_MAX = 12;
export const RESTARTS_WINDOW_MS = 300_000;

/** A log file is renamed to .1 (and that to .2 …) when it has this size. */
export const LOG_BYTES_MAX = 10 * 1024 * 1024;
export const LOG_FILES_MAX = 3;

/** Bytes of the longest socket's path after the data folder: `/run/t/template-<uuid>/console.sock`. */
export const RUN_SOCKET_SUFFIX_BYTES = 65;
export const LOCK_MS = 5_000;

export const APT_TIMEOUT_MS = 1_800_000;
export const PROBE_TIMEOUT_MS = 10_000;

/** Bytes that may wait towards the server before we stop reading from gdb or the terminal; below LOW we read again. */
export const BRIDGE_HIGH_BYTES = 512 * 1024;
export const BRIDGE_LOW_BYTES = 64 * 1024;
/** A server that takes nothing for this long is given up. */
export const BRIDGE_STALL_MS = 30_000;
/** Both sides' closing handshake. */
export const BRIDGE_CLOSE_MS = 2_000;
/** Largest WebSocket message taken from the server. */
export const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** The cell holds a client for up to 30 s while its machine is woken. */
export const WS_OPEN_MS = 45_000;
/** A ping goes out this often; a connection without any answer for twice as long is dead. */
export const WS_PING_MS = 15_000;
export const REFUSAL_BODY_BYTES_MAX = 65_536;

/** Ports tried from the one asked for. */
export const CONNECT_PORTS_MAX = 64;
/** Debuggers connected to one `ringside connect` at once; the server lets one of them drive. */
export const CONNECT_CLIENTS_MAX = 8;

// The near agent
/** PacketSize that gdb is told. */
export const NEAR_PACKET_BYTES = 0x4000;
/** What fits into a packet in hex. Of a larger read gdb gets the beginning, as from the stub, and asks for the rest. */
export const NEAR_READ_BYTES_MAX = NEAR_PACKET_BYTES / 2;
/** Pages kept of one stop, 16 MiB; with more, all are forgotten and asked again. */
export const NEAR_PAGES_MAX = 4_096;
/** Times that the pages of one read are asked for before the read itself goes to the cell. */
export const NEAR_PAGE_ROUNDS_MAX = 3;
/** gdb steps by itself after so many equal steps between which it has only read. */
export const NEAR_STEPS_ALIKE_MIN = 2;
/** Steps that the cell is asked for with the next one; twice as many where gdb has taken all of them. */
export const NEAR_STEPS_AHEAD_COUNT = 16;
/** Steps that the cell is asked for behind a range: a line's code is in several, of a few instructions each. */
export const NEAR_RANGE_STEPS_AHEAD_COUNT = 12;
/** Software and hardware breakpoints that are answered at once; more are asked of the cell one by one. */
export const NEAR_BREAKPOINTS_MAX = 400;
/** Characters of their packets, all together: they must fit into the head of one message. */
export const NEAR_BREAKPOINT_CHARS_MAX = 96 * 1024;
/** A breakpoint's kind that is taken without asking. */
export const NEAR_BREAKPOINT_KIND_MAX = 16;
/** Packets that were answered here are told at the latest when they are so many, or so long together. */
export const NEAR_NOTED_PACKETS_COUNT = 256;
export const NEAR_NOTED_CHARS = 32 * 1024;
/** Packets of gdb that wait; then reading from it stops. */
export const NEAR_PENDING_PACKETS_MAX = 64;
/** What one chunk may bring beyond that; more, and gdb is let go. */
export const NEAR_PENDING_BYTES_MAX = 256 * 1024;
/** Packets taken without giving way to other connections. */
export const NEAR_PACKETS_PER_TURN_MAX = 64;
/** Bytes that gdb leaves unread before nothing more is taken from it. */
export const NEAR_UNREAD_BYTES_MAX = 256 * 1024;
/** Bytes outside packets after which it is no gdb. */
export const NEAR_NOISE_BYTES_MAX = 4_096;
export const NEAR_NAKS_MAX = 16;
/** A gdb that cannot be served is given this long to send a packet, which is answered with the reason. */
export const NEAR_REFUSAL_MS = 1_000;
/** What the cell has not taken yet: then the link is given up. */
export const LINK_UNSENT_BYTES_MAX = 2 * 1024 * 1024;
/** From the open WebSocket to the cell's first message. */
export const LINK_HELLO_MS = 15_000;
/** An answer of the cell, but for that to a resume; it may wake the machine first. */
export const LINK_ANSWER_MS = 60_000;
/** A shorter message costs more time to compress than it saves on the line. */
export const LINK_COMPRESSED_BYTES_MIN = 1_024;
/** A link that broke off under a gdb is opened again for this long. */
export const RECONNECT_MS_MAX = 60_000;
/** Between two tries, doubled each time up to the most. */
export const RECONNECT_DELAY_MS = 200;
export const RECONNECT_DELAY_MS_MAX = 5_000;
/** The same for a link that no gdb uses. */
export const SPARE_DELAY_MS_MAX = 30_000;
/** Mismatches of --verify-reads that are shown one by one. */
export const NEAR_MISMATCHES_SHOWN_MAX = 10;

/** Console output kept while a script waits for a text in it. */
export const CONSOLE_KEPT_CHARS = 262_144;

/** How often `ringside top` looks. */
export const TOP_LOOK_MS = 1_000;

export const GRADE_WAIT_MS = 120_000;
export const ROSTER_BYTES_MAX = 1024 * 1024;
/** A regrade that takes longer goes on at the server, and is found again. */
export const REGRADE_WAIT_MS = 600_000;
/** Pages of a regrade's changes: more than the most submissions that the server grades anew. */
export const REGRADE_PAGES_MAX = 100;
export const RUBRIC_BYTES_MAX = 256 * 1024;

/** How often `ringside up` looks whether a lab needs an image that is not built. */
export const WANTED_LOOK_MS = 2_000;
/** An image whose build failed is not built again for this long, whoever asks for it. */
export const WANTED_RETRY_MS = 600_000;
/** Percent between two lines about an image that is built beside other work. */
export const WANTED_PROGRESS_PERCENT = 10;

/** Kernel source and build take about 4 GiB. */
export const DISK_BYTES_MIN = 6 * 1024 ** 3;
export const MEMORY_BYTES_MIN = 2 * 1024 ** 3;

/** Templates that `ringside doctor` looks at. */
export const TEMPLATES_LOOKED_AT_MAX = 64;

export const CHECK_TIMEOUT_MS = 600_000;
export const TESTS_TIMEOUT_MS = 3_600_000;
export const LONG_TEST_TIMEOUT_MS = 4 * 3_600_000;

/** Each step of the demo: a session's start, a stop, a grade. */
export const DEMO_STEP_MS = 90_000;

/** A lab's script in gdb, from attaching to its end. */
export const LAB_SCRIPT_MS = 120_000;
export const LAB_GRADE_MS = 90_000;

export const BENCH_STEP_MS = 60_000;
export const BENCH_REPLY_BYTES_MAX = 65_536;
/** Bytes that a delayed line of the bench holds for one direction before it stops reading. */
export const BENCH_LINE_BYTES_MAX = 8 * 1024 * 1024;
/** One action of a scripted gdb; the slowest has some 600 round trips, with 1,000 misses 7,000. */
export const BENCH_ACTION_MS = 300_000;
/** A console without output for this long has said what it had to say; a busy one is not waited for longer than MAX. */
export const CONSOLE_QUIET_MS = 200;
export const CONSOLE_SETTLE_MS_MAX = 2_000;
/** At the end of a piped stdin the console is left when it has been quiet for this long. */
export const CONSOLE_LINGER_MS = 1_000;

export const SOURCES_TIMEOUT_MS = 60_000;
/** A child that is asked to end because of Ctrl-C gets SIGKILL after this. */
export const ABORT_GRACE_MS = 5_000;

/** Stores that others run: an answer to a single command. */
export const STORE_ANSWER_MS = 10_000;
/** Keys looked at in one step when those of a box are removed. */
export const STORE_SCAN_KEYS_MAX = 500;

/** Running recordings again. The stub of a stopped machine answers at once; taking a snapshot when somebody attaches takes some 100 ms. */
export const REPLAY_STUB_MS = 15_000;
/** Packets of the stub that may wait to be looked at. */
export const REPLAY_STUB_PACKETS_MAX = 64;
/** Damaged packets of the stub, or of gdb, after which the connection is given up. */
export const REPLAY_DAMAGED_PACKETS_MAX = 8;
/** Packets of gdb that may wait: it sends the next one when it has the answer. */
export const REPLAY_GDB_PACKETS_MAX = 16;
/** Bytes that gdb leaves unread before it is given up. */
export const REPLAY_GDB_UNREAD_BYTES_MAX = 4 * 1024 * 1024;
/** Places of which a snapshot is kept, some 25 MB each; going backwards past a write without one is refused. */
export const REPLAY_SNAPSHOTS_MAX = 32;
/** Parts of the way to an event, with a snapshot between each: whoever goes back runs again no more than one of them. */
export const REPLAY_WAYPOINTS_COUNT = 6;
/** One run, from the recording's start to its end or to an event. */
export const REPLAY_RUN_MS = 1_800_000;
/** Templates of recorded machines that are kept here, some 25 MB each. */
export const REPLAY_TEMPLATES_MAX = 8;
/** Replays run as users above all those that a cell gives to its machines. */
export const REPLAY_USER_ID_MIN = 55_000;
export const REPLAY_USER_IDS_COUNT = 1_000;

// Files of images, fetched into the cache
/** One request's part of a file. Several go at once, so that a long line is filled from the beginning. */
export const FETCH_PART_BYTES = 4 * 1024 * 1024;
export const FETCH_PARTS_MAX = 8;
/** Tries for each part, and the pause before the next one. */
export const FETCH_TRIES_MAX = 4;
export const FETCH_RETRY_MS = 500;
/** What a fetch leaves behind that was killed is removed after this; none lasts as long. */
export const FETCH_LEFT_MS = 60 * 60_000;
