import { z } from "zod";
import { checkpointNameSchema } from "./cell-link.ts";
import {
  cellIdSchema,
  epochSchema,
  regradeIdSchema,
  sessionIdSchema,
  sha256Schema,
  submissionIdSchema,
  userIdSchema,
} from "./ids.ts";
import { hintsSchema, labSlugSchema, MACHINE_STARTS, ON_DISCONNECT, parametersSchema } from "./lab.ts";
import { CPU_PERCENT_DEFAULT, CPU_PERCENT_MIN, SESSION_MINUTES_MAX } from "./limits.ts";
import { END_REASONS, FAIL_REASON_NAMES } from "./states.ts";

/**
 * Work that crosses processes, as BullMQ queues. Jobs are at-least-once: each handler is idempotent
 * and fenced by the session's epoch.
 *
 *   start         api → any cell with a free slot
 *   cell-<id>     api → one cell: stop; start of what only this cell can start (a reset, a saved state)
 *   reports       cell → api: what became of a session
 *   grade         api → api
 *   regrade       api → api
 */
export const START_QUEUE = "start";
export const REPORTS_QUEUE = "reports";
export const GRADE_QUEUE = "grade";
export const REGRADE_QUEUE = "regrade";
/** The queue of one cell. */
export const cellQueue = (cell: string): string => `cell-${cell}`;
/** All of Ringside's Redis keys begin with this, unless configured otherwise (several installations, tests). */
export const REDIS_PREFIX_DEFAULT = "ringside";

const sessionRef = { session: sessionIdSchema, epoch: epochSchema };

/** A start or, with the next epoch, a reset: any machine of an older epoch of the session is void. */
export const startJobSchema = z.strictObject({
  ...sessionRef,
  user: userIdSchema,
  lab: labSlugSchema,
  image: sha256Schema,
  memoryMib: z.int().min(32).max(512),
  parameters: parametersSchema,
  /** QEMU records the machine for a replay. */
  record: z.boolean().default(false),
  /** Percent of one core that the guest may use over time. */
  cpuPercent: z.int().min(CPU_PERCENT_MIN).max(100).default(CPU_PERCENT_DEFAULT),
  idleMinutes: z.int().min(0).max(SESSION_MINUTES_MAX).default(0),
  onDisconnect: z.enum(ON_DISCONNECT).default("run"),
  /** Where a fresh machine waits: see MACHINE_STARTS. */
  start: z.enum(MACHINE_STARTS).default("prompt"),
  hints: hintsSchema.default([]),
  /** A saved state of this very session to start from, by name; null: a fresh machine. Only for the cell that has it. */
  state: checkpointNameSchema.nullable().default(null),
  /** Wall time in ms after which nobody waits for this machine any more. */
  notAfterMs: z.int(),
});
export type StartJob = z.infer<typeof startJobSchema>;

/** End the machines of a session up to and including `epoch`. */
export const stopJobSchema = z.strictObject({ ...sessionRef, reason: z.enum(END_REASONS) });
export type StopJob = z.infer<typeof stopJobSchema>;

/** What stands in a cell's own queue, by the job's name. */
export const CELL_JOB_NAMES = ["start", "stop"] as const;
export type CellJobName = (typeof CELL_JOB_NAMES)[number];

export const gradeJobSchema = z.strictObject({ submission: submissionIdSchema });
export type GradeJob = z.infer<typeof gradeJobSchema>;

/** Grades what of a regrade is not graded yet. */
export const regradeJobSchema = z.strictObject({ regrade: regradeIdSchema });
export type RegradeJob = z.infer<typeof regradeJobSchema>;

/** Whence a machine's process came: prewarmed in the pool, spawned for it, or booted from the kernel. */
export const START_HOWS = ["pool", "clone", "cold"] as const;
export type StartHow = (typeof START_HOWS)[number];

/** What a cell tells the api. `atMs` is the cell's wall clock, used only to order presence reports. */
export const reportSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("starting"), ...sessionRef, cell: cellIdSchema, atMs: z.int() }),
  z.strictObject({
    kind: z.literal("ready"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    how: z.enum(START_HOWS),
    startMs: z.number().min(0),
  }),
  /** Its machine is saved and gone; a connection wakes it, with `ready` of the same epoch. */
  z.strictObject({
    kind: z.literal("hibernated"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    bytes: z.int().min(0),
  }),
  /** Debuggers attached to the machine now; 0 makes an attached session ready again. */
  z.strictObject({
    kind: z.literal("presence"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    debuggers: z.int().min(0),
  }),
  /** Somebody who debugs the machine wants a fresh one in its place: gdb's `kill`, `monitor reset`. */
  z.strictObject({
    kind: z.literal("reset_wanted"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    user: userIdSchema,
  }),
  z.strictObject({
    kind: z.literal("ended"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    reason: z.enum(END_REASONS),
  }),
  z.strictObject({
    kind: z.literal("failed"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    reason: z.enum(FAIL_REASON_NAMES),
    /** For the operator: the end of QEMU's stderr and the like, at most 2,000 characters. */
    detail: z.string().max(2_000),
  }),
]);
export type Report = z.infer<typeof reportSchema>;

/** Job ids make a job that is sent twice run once. BullMQ forbids ':' in them. */
export const startJobId = (job: { session: string; epoch: number }): string => `${job.session}.${job.epoch}.start`;
export const stopJobId = (job: { session: string; epoch: number }): string => `${job.session}.${job.epoch}.stop`;
export const gradeJobId = (job: { submission: string; version: number }): string => `${job.submission}.${job.version}`;
export const regradeJobId = (job: RegradeJob): string => `${job.regrade}.regrade`;
