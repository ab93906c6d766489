/** Bounds of the vm-runner: each with its unit. Those that the api must know too stand in @ringside/shared. */

export const SLOTS_MAX = 1_000;
/** Starts that run at the same time: more only make each other slow. */
export const STARTS_AT_ONCE_MAX = 4;
/** A worker looks for a new job at least this often, so that a drain need not wait longer. */
export const JOB_FETCH_WAIT_SECONDS = 1;
/** After Redis failed, or when another runner still holds a session's lease. */
export const RETRY_MS = 500;
export const LEASE_HELD_RETRY_MS = 1_000;
/** While all slots are taken: how often, and how many, waiting jobs are looked at for resets of our own machines. */
export const RESET_LOOK_MS = 1_000;
export const RESET_LOOK_JOBS_MAX = 50;
/** Stop jobs that are worked on at the same time. */
export const STOPS_AT_ONCE_MAX = 8;

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

/** What a drain may take: first the starts under way, then the machines' ends, then the last reports. */
export const DRAIN_STARTS_MS = 5_000;
export const DRAIN_MACHINES_MS = 8_000;
export const DRAIN_REPORTS_MS = 3_000;
/** All of it together, and closing connections to a Redis that may be gone. Supervisors allow 20 s. */
export const DRAIN_ALL_MS = 18_000;

export const HTTP_REQUEST_TIMEOUT_MS = 5_000;
export const HTTP_CONNECTIONS_MAX = 64;
/** The contract's limit for `detail` of a failed report. */
export const DETAIL_CHARS_MAX = 2_000;
