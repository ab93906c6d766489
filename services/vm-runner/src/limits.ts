/** Bounds of the vm-runner: each with its unit. Those that the api must know too stand in @ringside/shared. */

export const SLOTS_MAX = 1_000;
/** Askers that wait for a slot; one more is told at once that there is none. */
export const SLOT_WAITERS_MAX = 256;
/** User ids for machines' processes: for all slots, the pool, and those that are just ending. */
export const USERS_MAX = 4_096;
/** Starts that run at the same time: more only make each other slow. */
export const STARTS_AT_ONCE_MAX = 4;
/**
 * What a start and its student's way to the first stop take of CPU, about: on a host without idle CPU starts come one
 * for each such time, by all its processors. Measured: 100 sessions in the same second, the services' work included.
 */
export const START_CPU_MS = 130;
/** What counts as CPU to spare, and how often that is looked at. */
export const PACE_IDLE_PERCENT = 20;
export const PACE_LOOK_MS = 30;
/** A worker looks for a new job at least this often, so that a drain need not wait longer. */
export const JOB_FETCH_WAIT_SECONDS = 1;
/** After Redis failed, or when another runner still holds a session's lease. */
export const RETRY_MS = 500;
export const LEASE_HELD_RETRY_MS = 1_000;
/** While all slots are taken: how often the queue looks again, in case nobody told it. */
export const ROOM_LOOK_MS = 1_000;
/** Jobs of the cell's own queue that are worked on at the same time. */
export const CELL_JOBS_AT_ONCE_MAX = 16;
/** What only this cell can start waits this long for a slot, before others than slots' own waiters, and then again. */
export const CELL_START_SLOT_WAIT_MS = 1_000;

/** Prewarmed processes: at most, and of the settings' own default. */
export const POOL_MAX_MAX = 256;
export const POOL_MIN_DEFAULT = 2;
export const POOL_MAX_DEFAULT = 16;
/** Demand: the most starts that fell into one window of the last while, and half as many again. */
export const POOL_WINDOW_MS = 10_000;
export const POOL_MEMORY_MS = 10 * 60_000;
export const POOL_HEADROOM_PERCENT = 150;
export const POOL_STARTS_KEPT_MAX = 1_000;
/** A template that nobody started from for this long is not kept warm. */
export const POOL_KIND_KEEP_MS = 60 * 60_000;
export const POOL_KINDS_MAX = 32;
/** How often the pool is looked at when nothing happens, while starts are under way, and after a failure. */
export const POOL_LOOK_MS = 5_000;
export const POOL_BUSY_LOOK_MS = 100;
/** Beyond so many of a kind a pool is refilled only while this much of the host is idle: who just started comes first. */
export const POOL_LOW_COUNT = 2;
export const POOL_IDLE_PERCENT = 30;
export const POOL_RETRY_MS = 5_000;
/**
 * CPU of a machine until it is taken, in percent of one core. Its making is one burst and then it does nothing; with
 * less, one that is taken at once may still be held back for that burst.
 */
export const POOL_CPU_PERCENT = 50;

/** A start that takes longer than this is told to the api before it is ready. */
export const STARTING_REPORT_MS = 250;

/** One command to Redis. */
export const REDIS_COMMAND_TIMEOUT_MS = 2_000;
/** Redis must be there when the runner starts. */
export const REDIS_FIRST_TIMEOUT_MS = 30_000;

/** Reports that wait for Redis: about 16 for each slot. The oldest are dropped above it, and counted. */
export const REPORTS_WAITING_MAX = 16_000;
/** Sessions whose end is remembered, so that a start job that comes late or again starts nothing. */
export const ENDED_SESSIONS_MAX = 10_000;

/** How often the run directory is searched for what no machine owns. */
export const REAP_MS = 30_000;
/** Between looking whether a killed process is gone. */
export const REAP_POLL_MS = 20;
export const REAP_KILL_TIMEOUT_MS = 5_000;

/** Saving a machine or bringing it back, the end of the old process included. */
export const WAKE_SLOT_WAIT_MS = 10_000;
export const WAKE_RETRY_SECONDS = 15;
/** How old saved states may get after the longest session's time. */
export const STATES_MARGIN_MINUTES = 60;
export const STATE_JOB_BYTES_MAX = 64 * 1024;
/** States that could not be loaded are kept aside for the operator: the newest ones. */
export const DAMAGED_STATES_MAX = 8;

/** Replay logs are kept this long in a cell; the api fetches them when a session is handed in. */
export const RECORDINGS_KEEP_DAYS = 7;
export const RECORDINGS_MAX = 10_000;
/** How often the size of growing logs is looked at, and how far below the limit a machine ends in good order. */
export const RECORDING_LOOK_MS = 1_000;
export const RECORDING_MARGIN_BYTES = 2 * 1024 * 1024;
/** QEMU writes the end of its log within this time, or is killed. */
export const RECORDING_FINISH_MS = 3_000;
/** How often states, recordings and templates are looked through for what nobody needs. */
export const SWEEP_MS = 60 * 60_000;

/** How often memory and CPU of machines are measured, and of how many in one go. */
export const LOAD_SAMPLE_MS = 2_500;
export const LOAD_MACHINES_MAX = 32;

/** What a drain may take: first the starts under way, then the machines' ends, then the last reports. */
export const DRAIN_STARTS_MS = 5_000;
export const DRAIN_MACHINES_MS = 8_000;
export const DRAIN_REPORTS_MS = 3_000;
/** All of it together, and closing connections to a Redis that may be gone. Supervisors allow 20 s. */
export const DRAIN_ALL_MS = 18_000;

export const HTTP_REQUEST_TIMEOUT_MS = 5_000;
export const HTTP_CONNECTIONS_MAX = 64;
/** The proxy's requests: each session waits with at most one or two of them. */
export const CELL_LINK_BODY_BYTES_MAX = 16 * 1024;
export const CELL_LINK_CONNECTIONS_MAX = 512;
/** The proxy keeps connections between requests; closing one just as it is used would look like our death. */
export const CELL_LINK_IDLE_MS = 10 * 60_000;
/** The contract's limit for `detail` of a failed report. */
export const DETAIL_CHARS_MAX = 2_000;
