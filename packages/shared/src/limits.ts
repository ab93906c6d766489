/** Bounds that more than one process must agree on. Each process's own bounds stand in its own limits file. */

/** A ticket opens one connection and is asked for just before it is used. */
export const TICKET_TTL_SECONDS = 60;
/** Clock difference between api and cell that a ticket survives. */
export const TICKET_SKEW_SECONDS = 60;

/** A machine's lease lives this long without renewal; then its cell counts as lost. */
export const LEASE_TTL_MS = 10_000;
export const LEASE_RENEW_MS = 2_500;

/** A cell that has not announced itself for this long takes no new connections. */
export const CELL_ANNOUNCE_TTL_MS = 10_000;
export const CELL_ANNOUNCE_MS = 2_500;

/** A job whose worker died is given to another after about lock + check. */
export const JOB_LOCK_MS = 5_000;
export const JOB_STALLED_CHECK_MS = 2_000;
export const JOB_STALLED_COUNT_MAX = 5;
/** Finished jobs are kept this long, so that a job sent twice runs once. */
export const JOB_KEEP_SECONDS = 3_600;
export const JOB_KEEP_COUNT_MAX = 10_000;

/** What a session may last, unless its lab says less. */
export const SESSION_MINUTES_MAX = 480;
/** CPU of one machine, in percent of one core over time: a guest in a busy loop must leave room for others. */
export const CPU_PERCENT_MIN = 5;
export const CPU_PERCENT_DEFAULT = 50;
/** Minutes without any connection after which a machine hibernates, unless its lab says otherwise. */
export const IDLE_MINUTES_DEFAULT = 15;
/** Named checkpoints of one session; forks are counted as sessions. */
export const CHECKPOINTS_MAX = 8;
/** One saved state on disk. */
export const SAVED_STATE_BYTES_MAX = 64 * 1024 * 1024;
/** One machine's replay log; the session ends when it is reached. */
export const RECORDING_BYTES_MAX = 32 * 1024 * 1024;
/** A template as it is handed out for replays: memory and state, compressed. */
export const TEMPLATE_ARCHIVE_BYTES_MAX = 256 * 1024 * 1024;

/** From the job being taken to the machine being ready. */
export const MACHINE_START_TIMEOUT_MS = 60_000;

/** Longest text of a name, title or message in an API body. */
export const NAME_CHARS_MAX = 200;
export const PARAMETERS_MAX = 16;
/** Digits of a student's number that a lab may ask for, and rows of a lab's table. */
export const STUDENT_DIGITS_MAX = 3;
export const TABLE_ROWS_MAX = 1_000;
/** Hints of a lab, one after the other, and the characters of each in each language. */
export const HINTS_MAX = 20;
export const HINT_CHARS_MAX = 500;
export const ROSTER_ROWS_MAX = 1_000;
/** Longest time that `?wait_ms=` holds a request open. */
export const WAIT_MS_MAX = 30_000;

/** A trace that reaches this size ends its session. */
export const TRACE_BYTES_MAX = 64 * 1024 * 1024;

/** Why an instructor judged otherwise than the grader; no longer than any bilingual text. */
export const OVERRIDE_REASON_CHARS_MAX = 1_000;

/** Characters of a rubric that is sent to grade by. */
export const RUBRIC_CHARS_MAX = 256 * 1024;
/** Submissions of a regrade that one answer tells of. */
export const REGRADE_PAGE_ROWS_MAX = 100;

/** What an oracle of a lab keeps: functions that its rubric names, names of one function, stops, callers of a stop. */
export const ORACLE_FUNCTIONS_MAX = 1_000;
export const ORACLE_NAMES_MAX = 500;
export const ORACLE_STOPS_MAX = 2_000;
export const ORACLE_CALLS_MAX = 64;
