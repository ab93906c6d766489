import { RECORDING_BYTES_MAX, TRACE_BYTES_MAX } from "@ringside/shared";

/** Every bound of the api, with its unit. Bounds shared with the cells stand in @ringside/shared. */

/** HTTP. The largest body is a roster of ROSTER_ROWS_MAX rows. */
export const BODY_BYTES_MAX = 512 * 1024;
export const PATH_PARAMETER_CHARS_MAX = 128;
export const HEADER_BYTES_MAX = 16 * 1024;
/** A client that has not sent its headers by then is not going to (slowloris). */
export const HEADERS_TIMEOUT_MS = 15_000;
/** Sending 512 KiB takes a slow line less than this. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than the pause between two polls of a waiting CLI. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
export const CONNECTIONS_MAX = 4_000;
export const ERROR_ISSUES_MAX = 20;

/** Requests a minute. Addresses may stand for a whole classroom behind one gateway; failed log-ins may not. */
export const RATE_WINDOW_MS = 60_000;
export const RATE_PER_ADDRESS_MAX = 12_000;
export const RATE_PER_TOKEN_MAX = 1_200;
export const RATE_FAILED_LOGINS_MAX = 120;
export const RATE_KEYS_MAX = 10_000;

/** Database. */
export const DATABASE_CONNECTIONS_MAX = 20;
export const DATABASE_CONNECT_TIMEOUT_MS = 3_000;
export const DATABASE_STATEMENT_TIMEOUT_MS = 5_000;
export const TRANSACTION_WAIT_MS_MAX = 4_000;
export const TRANSACTION_MS_MAX = 6_000;
export const MIGRATION_LOCK_TIMEOUT_MS = 60_000;
export const STORE_RETRY_AFTER_SECONDS = 2;

/** Redis. */
export const REDIS_COMMAND_TIMEOUT_MS = 2_000;
export const READINESS_TIMEOUT_MS = 1_500;

/** Outbox. */
export const OUTBOX_POLL_MS = 1_000;
export const OUTBOX_BATCH_ROWS = 50;
/** A slow Redis ends a batch before its transaction would be cut off at TRANSACTION_MS_MAX. */
export const OUTBOX_BATCH_MS_MAX = 3_000;
/** Batches after which a pass ends, so that shutting down need not wait for a backlog. */
export const OUTBOX_BATCHES_MAX = 20;
/** Queues of cells kept open. */
export const CELL_QUEUES_MAX = 256;

/**
 * Work that a class sends in one burst runs in lanes: so many at a time, the others wait in order without holding a
 * connection, so that every other request finds one at once.
 */
export const PROVISIONS_AT_ONCE_MAX = 2;
export const PROVISIONS_WAITING_MAX = 1_000;

/** Sessions; these are defaults, see config.ts. */
export const SESSIONS_PER_USER_MAX = 3;
/** Sessions that have, or wait for, a machine. */
export const SESSIONS_LIVE_MAX = 500;
/** Hibernated ones take no more than disk. */
export const SESSIONS_HIBERNATED_MAX = 2_000;
/** Sessions that wait for a machine. */
export const QUEUE_LENGTH_MAX = 300;
/** What an operator may raise these to. */
export const SESSIONS_CONFIGURED_MAX = 100_000;
/** How fast the queue moves is judged by the machines that became ready within this time. */
export const QUEUE_SPEED_WINDOW_MS = 60_000;
/** Whom a full queue turns away is told to come back when this share of it has moved on. */
export const QUEUE_RETRY_PERCENT = 10;
export const QUEUE_RETRY_SECONDS_MIN = 5;
export const QUEUE_RETRY_SECONDS_MAX = 120;
/** How long a student waits for a free machine before the session fails. */
export const QUEUE_WAIT_MS_MAX = 5 * 60_000;
export const NO_CAPACITY_RETRY_AFTER_SECONDS = 15;
export const IDEMPOTENCY_KEY_CHARS_MAX = 200;
export const IDEMPOTENCY_KEEP_MS = 24 * 3_600_000;
export const DETAIL_CHARS_MAX = 2_000;

/** Waiting requests. Beyond WAITERS_MAX a request is answered at once with the present state. */
export const WAITERS_MAX = 500;
/** Changes are told by every replica (changes of others over Redis); looking again is for what was lost. */
export const WAITER_POLL_MS = 1_000;
/** With more waiters than this each polls less often: at most 10 queries a second in all. */
export const WAITERS_POLLING_FAST_MAX = 10;
/** How long a request that changed a machine waits for its cell's report, before it answers with what is there. */
export const REPORT_WAIT_MS_MAX = 3_000;

/** Reconciler. */
export const RECONCILE_MS = 2_000;
export const RECONCILE_ROWS_MAX = 1_000;
/**
 * A lease that is gone from Redis ran out LEASE_TTL_MS after its last renewal; a runner that still lives
 * renews within this time.
 */
export const LEASE_GRACE_MS = 4_000;
/** A start job that was sent this long ago may be looked for; a class's burst is over by then. */
export const JOB_LOOK_AFTER_MS = 5_000;
/** A cell's own queue is left when its runner has not announced itself for this long: any cell can start afresh. */
export const CELL_AWAY_GRACE_MS = 5_000;
/** A job that ended without a word leaves this much time for a report that is on its way. */
export const SILENT_JOB_GRACE_MS = 15_000;

/** Workers. */
export const REPORTS_AT_ONCE_MAX = 2;
export const GRADES_AT_ONCE_MAX = 1;
/** For what a person has to mend: an image to build, a lab's file to correct. */
export const JOB_PUT_OFF_MS = 15_000;
export const GRADE_TIMEOUT_MS = 60_000;
export const GRADE_MEMORY_MIB_MAX = 1_024;
/** Threads that grade: submissions as they come in, regrades, sessions that instructors look at. */
export const GRADE_THREADS_MAX = 2;
export const GRADES_WAITING_MAX = 64;
/** A thread that has nothing to do ends after this. */
export const GRADE_THREAD_IDLE_MS = 20_000;
/** Images whose tables a thread keeps; some 20 MB each. */
export const GRADE_TABLES_KEPT_MAX = 3;
/** Regrades. Submissions of one, and those that are loaded at a time. */
export const REGRADE_SUBMISSIONS_MAX = 5_000;
export const REGRADE_BATCH_ROWS = 40;
export const REGRADES_AT_ONCE_MAX = 1;
/** Of a lab; older ones go. */
export const REGRADES_KEPT_MAX = 10;
export const REGRADE_PROBLEM_CHARS_MAX = 500;

/** Shutting down: requests that are being answered, then workers, then all of it. */
export const REQUESTS_FINISH_MS_MAX = 1_500;
export const WORKER_CLOSE_MS_MAX = 1_000;
export const WORKER_CLOSE_AWAY_MS = 100;
export const SHUTDOWN_MS_MAX = 4_500;

/** Cells. */
export const CELL_REQUEST_TIMEOUT_MS = 10_000;
/** Saving and waking take a second at most, but a wake may wait for a free slot. */
export const MACHINE_ERRAND_TIMEOUT_MS = 45_000;
export const CELL_ANSWER_BYTES_MAX = 64 * 1024;
export const RECORDING_DOWNLOAD_TIMEOUT_MS = 30_000;
export const TEMPLATE_DOWNLOAD_TIMEOUT_MS = 120_000;
export const TRACE_DOWNLOAD_TIMEOUT_MS = 60_000;
export const CELLS_MAX = 256;
export const CELL_SCAN_ROUNDS_MAX = 1_000;
export const CELL_RETRY_AFTER_SECONDS = 3;
/** Keys that one cell ever signed with. */
export const CELL_KEYS_MAX = 100;

/** Labs. */
export const LAB_FILE_BYTES_MAX = 64 * 1024;
export const RUBRIC_FILE_BYTES_MAX = 256 * 1024;
export const LABS_MAX = 200;
/** A file that was left alone for this long when it was read has changed when its time or size has: clocks of file systems are coarse. */
export const LAB_SETTLED_MS = 1_000;
/** An image that has just been found is not looked for again for this long. */
export const IMAGE_CACHE_MS = 2_000;
/** An image takes minutes to build. */
export const IMAGE_RETRY_AFTER_SECONDS = 60;

/** People. */
export const TOKENS_PER_USER_MAX = 50;

/** Looking at sessions that go on: so many at a time, the others wait. */
export const PROGRESS_AT_ONCE_MAX = 2;
export const PROGRESS_WAITING_MAX = 2_000;
/** One request of an instructor; what was not looked at by then is told so. */
export const PROGRESS_LOOK_MS_MAX = 8_000;
/** What was found of a recording is told again for this long without another look. */
export const PROGRESS_FRESH_MS = 5_000;
export const PROGRESS_SESSIONS_KEPT_MAX = 1_000;
/** The first line of a recording. */
export const OPENING_BYTES_MAX = 8 * 1024;
/** The last so many sessions of one student and lab. */
export const TIMELINE_SESSIONS_MAX = 50;

/** Judgements of one submission, those that were replaced and removed too, that are told of. */
export const OVERRIDE_HISTORY_MAX = 200;

/** A submission without a grade after this time is looked after by the reconciler. */
export const GRADE_LATE_MS = 5_000;

/** Traces. The last events and the seal may pass the limit at which a session is ended. */
export const TRACE_STORE_BYTES_MAX = TRACE_BYTES_MAX + 1024 * 1024;

/** Replay logs. QEMU writes on for a moment after the limit at which a session is ended. */
export const RECORDING_STORE_BYTES_MAX = RECORDING_BYTES_MAX + 4 * 1024 * 1024;
/** A session that was reset more often keeps the logs of its last machines. */
export const RECORDINGS_PER_SUBMISSION_MAX = 20;

export const COMPRESSION_CHUNK_BYTES = 1024 * 1024;
/** Different files that wait to be compressed. */
export const COMPRESSIONS_WAITING_MAX = 64;

/** debuginfod. Requests a minute and address: gdb asks once for each file that it shows. */
export const DEBUGINFOD_RATE_MAX = 1_200;
export const DEBUGINFOD_PATH_CHARS_MAX = 1_024;
/** The builds of images are listed again when an unknown build-id is asked for, but not sooner than this. */
export const BUILD_IDS_CACHE_MS = 5_000;
/** A kernel's source files, unpacked. */
export const SOURCES_BYTES_MAX = 2 * 1024 * 1024 * 1024;
export const SOURCE_FILES_MAX = 200_000;
/** Source trees whose list of files is kept in memory: some 400 KiB for a kernel's. */
export const SOURCE_TREES_MAX = 16;
