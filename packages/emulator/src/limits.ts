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
export const MIGRATION_POLL_MS = 1;
/** Writing the device state of a stopped template. */
export const SAVE_TIMEOUT_MS = 15_000;
/** From the emulator's start to the prompt on the console. */
export const BOOT_TIMEOUT_MS = 40_000;
/** After the prompt appears the guest still has to fall asleep. */
export const PROMPT_SETTLE_MS = 200;
/** Console bytes in which the prompt is looked for. */
export const CONSOLE_WINDOW_BYTES_MAX = 64 * 1024;
/** From the guest's first run to its answer to `params …`. */
export const PARAMETERS_TIMEOUT_MS = 10_000;
/** The guest's own limit for a line of the parameters channel, without the newline. */
export const PARAMETER_LINE_BYTES_MAX = 256;
export const PARAMETER_ANSWER_BYTES_MAX = 512;

/** The end of what QEMU wrote to stderr is kept for the operator. */
export const STDERR_TAIL_BYTES_MAX = 1_500;
/** After SIGKILL a process is gone within this time, or the host is in trouble. */
export const KILL_TIMEOUT_MS = 5_000;
/** After the jail's process ended, its stderr may still hold bytes for this long. */
export const STDERR_CLOSE_MS = 200;

/** Resource limits inside the jail. */
export const JAIL_OPEN_FILES_MAX = 128;
/** QEMU, its libraries and its translation cache, beside the guest's memory (measured: 310 MiB). */
export const JAIL_ADDRESS_SPACE_BASE_MIB = 704;
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
/** A half-made template folder this old belongs to nobody any more. */
export const TEMPLATE_MAKING_STALE_MS = 10 * 60_000;
