import { z } from "zod";
import { cellIdSchema, epochSchema, sessionIdSchema, sha256Schema, submissionIdSchema, userIdSchema } from "./ids.ts";
import { labSlugSchema, parametersSchema } from "./lab.ts";
import { END_REASONS, FAIL_REASON_NAMES } from "./states.ts";

/**
 * Work that crosses processes, as BullMQ queues. Jobs are at-least-once: each handler is idempotent
 * and fenced by the session's epoch.
 *
 *   start         api → any cell with a free slot
 *   cell-<id>     api → one cell: stop
 *   reports       cell → api: what became of a session
 *   grade         api → api
 */
export const START_QUEUE = "start";
export const REPORTS_QUEUE = "reports";
export const GRADE_QUEUE = "grade";
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
  /** Wall time in ms after which nobody waits for this machine any more. */
  notAfterMs: z.int(),
});
export type StartJob = z.infer<typeof startJobSchema>;

/** End the machines of a session up to and including `epoch`. */
export const stopJobSchema = z.strictObject({ ...sessionRef, reason: z.enum(END_REASONS) });
export type StopJob = z.infer<typeof stopJobSchema>;

export const gradeJobSchema = z.strictObject({ submission: submissionIdSchema });
export type GradeJob = z.infer<typeof gradeJobSchema>;

export const START_HOWS = ["clone", "cold"] as const;

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
  /** Debuggers attached to the machine now; 0 makes an attached session ready again. */
  z.strictObject({
    kind: z.literal("presence"),
    ...sessionRef,
    cell: cellIdSchema,
    atMs: z.int(),
    debuggers: z.int().min(0),
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
