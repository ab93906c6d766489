/** Bounds of the emulator package: each with its unit. */

/** QEMU's translation cache: smaller ones are slow, larger ones only cost memory (measured). */
export const TCG_CACHE_MIB = 16;

/** A QMP answer comes within a millisecond even from a busy guest; without one for this long QEMU is stuck. */
export const QMP_COMMAND_TIMEOUT_MS = 5_000;
/** The greeting comes once QEMU has made its devices; many machines may start at once. */
export const QMP_GREETING_TIMEOUT_MS = 20_000;
/** Longest line that a QMP peer may send. */
export const QMP_LINE_BYTES_MAX = 1024 * 1024;
/** Commands of one client that may wait for an answer. */
export const QMP_PENDING_MAX = 32;

/** How often a running machine is asked how it is, and how many silences in a row end it. */
export const HEARTBEAT_MS = 5_000;
export const HEARTBEAT_MISSES_MAX = 2;

/** Loading a template's device state takes some ms; the rest is for a crowded host. */
export const RESTORE_TIMEOUT_MS = 15_000;
/** Writing the device state of a stopped template. */
export const SAVE_TIMEOUT_MS = 15_000;
/** From the emulator's start to the prompt on the console. */
export const BOOT_TIMEOUT_MS = 40_000;
/** After the prompt appears the guest still has to fall asleep. */
export const PROMPT_SETTLE_MS = 200;
/** Console bytes in which the prompt is looked for. */
export const CONSOLE_WINDOW_BYTES_MAX = 64 * 1024;
/** The guest's own limit for the line in its parameters page. */
export const PARAMETER_LINE_BYTES_MAX = 256;

/** The end of what QEMU wrote to stderr is kept for the operator. */
export const STDERR_TAIL_BYTES_MAX = 1_500;
/** Of what the guard and bubblewrap say at a machine's start, a process id is all that we want. */
export const START_BYTES_MAX = 4_096;
/** After SIGKILL a process is gone within this time, or the host is in trouble. */
export const KILL_TIMEOUT_MS = 5_000;
/** After the jail's process ended, its stderr may still hold bytes for this long. */
export const STDERR_CLOSE_MS = 200;

/** Resource limits inside the jail. */
export const JAIL_OPEN_FILES_MAX = 128;
/** QEMU, its libraries and its translation cache, beside the guest's memory (measured: 310 MiB). */
export const JAIL_ADDRESS_SPACE_BASE_MIB = 704;
/**
 * A replay writes snapshots with up to 64 threads of QEMU's pool, each with a stack of 8 MiB and 64 MiB of addresses
 * for its heap: where they do not get them, QEMU dies (measured, on a busy host: one replay of thirty).
 */
export const JAIL_REPLAY_ADDRESS_SPACE_MIB = 64 * (8 + 64) + 128;
/** A clone writes no files at all; a template's memory file is added to this. */
export const JAIL_FILE_BYTES_BASE = 1024 * 1024;
/** Where the runner is root, machines run as this user id plus their slot's number. No account may have them. */
export const JAIL_USER_ID_MIN = 40_000;

/** Short errands: `qemu --version`, compiling the memory helper. */
export const TOOL_TIMEOUT_MS = 30_000;
export const TOOL_OUTPUT_BYTES_MAX = 64 * 1024;

/** Template: chunk in which memory is copied and in which zeros become holes. */
export const MEMORY_CHUNK_BYTES = 64 * 1024;
export const TEMPLATE_STATE_BYTES_MAX = 64 * 1024 * 1024;
/** Templates held in memory at the same time, by one store. */
export const TEMPLATES_MAX = 32;
/** A template that no cell has used or needed for this long is removed: making it again takes seconds. */
export const TEMPLATE_KEEP_MS = 7 * 24 * 60 * 60_000;
/** How often an open template is marked as used. */
export const TEMPLATE_TOUCH_MS = 60 * 60_000;
/** Templates on disk that are looked through. */
export const TEMPLATE_FOLDERS_MAX = 1_000;
/** Longest wait for another process that makes or opens a template under the same lock. */
export const TEMPLATE_LOCK_TIMEOUT_MS = 120_000;
/** A half-made template folder this old belongs to nobody any more. */
export const TEMPLATE_MAKING_STALE_MS = 10 * 60_000;

/** Control groups: CPU is given out per this long, so that a student's command is one burst and a busy loop is not. */
export const CPU_PERIOD_MS = 500;
/** The kernel gives out no less. */
export const CPU_QUOTA_MIN_US = 1_000;
/** Weight of all machines of a cell together against the services: 100 is an equal share. */
export const MACHINES_WEIGHT_PERCENT = 50;
/** QEMU, its libraries, its translation cache and the jail's own processes, beside the guest's memory. */
export const GROUP_MEMORY_BASE_MIB = 96;
/** Processes and threads of one machine: QEMU's own few, and those that it makes to read and write files. */
export const GROUP_PROCESSES_MAX = 96;
/** A group can be removed once its processes are reaped: that follows a kill within milliseconds. */
export const GROUP_REMOVE_TIMEOUT_MS = 5_000;
export const GROUP_REMOVE_POLL_MS = 10;
/** Where no control groups can be made, machines are at least so nice. */
export const MACHINE_NICENESS_MIN = 10;
/** Processes of our own that are moved aside at most, round by round, before control groups of version 2 are used. */
export const GROUP_MOVE_ROUNDS_MAX = 20;

/** `template.json`, on disk and in an archive: its console start alone may take six characters per byte. */
export const TEMPLATE_FILE_BYTES_MAX = 512 * 1024;
/** As much as a lab may give a machine. */
export const TEMPLATE_MEMORY_MIB_MAX = 512;
/** QEMU's snapshots while a recording is run again: some 25 MB each. */
export const REPLAY_OVERLAY_BYTES_MAX = 1024 * 1024 * 1024;
/** Writing a snapshot to a busy disk, with the one in its place thrown away before. */
export const REPLAY_SNAPSHOT_MS = 30_000;
/** While QEMU replays, its main loop sleeps through events of the log; any QMP command wakes it (measured: 20 × faster). */
export const REPLAY_POKE_MS = 2;
/** A replay whose instruction count stands still for this long has left the recording: a guest's idle time passes at once. */
export const REPLAY_STANDSTILL_MS = 10_000;
/** What the guest writes to its console in a replay, and is kept for a comparison. */
export const REPLAY_CONSOLE_BYTES_MAX = 16 * 1024 * 1024;
/** A vCPU that is nudged is awake at once; QEMU's monitor answers within milliseconds. */
export const NUDGE_TIMEOUT_MS = 1_000;
/** After the guest stopped, its console may still bring bytes for this long. */
export const REPLAY_CONSOLE_QUIET_MS = 50;

/** Saved machines: the devices' state, some 10 KB as measured. */
export const DEVICES_BYTES_MAX = 4 * 1024 * 1024;
/** The line of JSON that a saved machine begins with. */
export const STATE_HEADER_BYTES_MAX = 4_096;
/** Blocks of memory in a stream: the guest's own and some of firmware. */
export const STREAM_BLOCKS_MAX = 64;
