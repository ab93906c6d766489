import { z } from "zod";
import { checkpointNameSchema, savedStateSchema } from "../cell-link.ts";
import {
  cellIdSchema,
  epochSchema,
  sessionIdSchema,
  sha256Schema,
  slugSchema,
  submissionIdSchema,
  userIdSchema,
} from "../ids.ts";
import { START_HOWS } from "../jobs.ts";
import { parametersSchema } from "../lab.ts";
import { WAIT_MS_MAX } from "../limits.ts";
import { END_REASONS, FAIL_REASON_NAMES, SESSION_STATES } from "../states.ts";
import { CONNECTION_ROLES, tcpEntrySchema } from "../ticket.ts";

/** POST /v1/sessions, with an Idempotency-Key header: 202 sessionSchema. `course` may be left out where only one offers the lab. */
export const createSessionSchema = z.strictObject({ lab: slugSchema, course: slugSchema.optional() });

export const sessionSchema = z.strictObject({
  id: sessionIdSchema,
  user: userIdSchema,
  course: slugSchema,
  lab: slugSchema,
  state: z.enum(SESSION_STATES),
  epoch: epochSchema,
  /** Why it ended or failed; null before. */
  reason: z.enum([...END_REASONS, ...FAIL_REASON_NAMES]).nullable(),
  /** The reason in words, for people. */
  message: z.string().nullable(),
  cell: cellIdSchema.nullable(),
  image: sha256Schema,
  parameters: parametersSchema,
  how: z.enum(START_HOWS).nullable(),
  /** From job taken to machine ready, as the cell measured it. */
  startMs: z.number().nullable(),
  submission: submissionIdSchema.nullable(),
  /** Whether QEMU records it for a replay. */
  record: z.boolean(),
  /** The session that it is a copy of. A copy is for looking: it cannot be handed in. */
  forkedFrom: sessionIdSchema.nullable(),
  /** While it waits for a machine: 1 is next; null otherwise. */
  queuePosition: z.int().min(1).nullable(),
  /** What its saved machine takes on disk while it is hibernated; null otherwise. */
  hibernatedBytes: z.int().min(0).nullable(),
  createdAt: z.iso.datetime(),
  readyAt: z.iso.datetime().nullable(),
  endsAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  links: z.strictObject({ self: z.string(), tickets: z.string(), submit: z.string() }),
});
export type Session = z.infer<typeof sessionSchema>;

/** GET /v1/sessions?course=&lab=&state=live|final&limit=&before= ; students see their own, instructors their course's. */
export const sessionListQuerySchema = z.strictObject({
  course: slugSchema.optional(),
  lab: slugSchema.optional(),
  state: z.enum(["live", "final"]).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Session id: only older ones. */
  before: sessionIdSchema.optional(),
});
export const sessionListSchema = z.strictObject({ sessions: z.array(sessionSchema) });

/** GET /v1/sessions/:id?wait_ms= : answers early once the session has left requested, queued and starting. */
export const waitQuerySchema = z.strictObject({
  wait_ms: z.coerce.number().int().min(0).max(WAIT_MS_MAX).default(0),
});

/** POST /v1/sessions/:id/tickets. A student is `driver` of their own session; others get what their role allows. */
export const createTicketSchema = z.strictObject({
  kind: z.enum(["gdb", "console"]),
  role: z.enum(CONNECTION_ROLES).optional(),
});
export const ticketAnswerSchema = z.strictObject({
  ticket: z.string().min(1),
  /** WebSocket URL to open with it. */
  url: z.url({ protocol: /^wss?$/ }),
  role: z.enum(CONNECTION_ROLES),
  expiresAt: z.iso.datetime(),
});
export type TicketAnswer = z.infer<typeof ticketAnswerSchema>;

/**
 * POST /v1/sessions/:id/hibernate, /wake: 200 sessionSchema. /pause, /resume: 200 pauseSchema.
 * POST /v1/sessions/:id/fork: 202 sessionSchema of the copy, whose owner is whoever asked.
 * GET, POST /v1/sessions/:id/checkpoints: 200 checkpointListSchema, 201 savedStateSchema.
 * DELETE /v1/sessions/:id/checkpoints/:name: 204. POST …/:name/restore: 202 sessionSchema with the next epoch.
 */
export const pauseSchema = z.strictObject({ paused: z.boolean() });
/** `checkpoint`: copy that one; without it, the machine as it is now. */
export const forkSchema = z.strictObject({ checkpoint: checkpointNameSchema.optional() });
export const createCheckpointSchema = z.strictObject({ name: checkpointNameSchema });
export const checkpointListSchema = z.strictObject({ checkpoints: z.array(savedStateSchema) });

/** POST /v1/sessions/:id/tcp-entry: a port for the caller's address, for one gdb. */
export const tcpEntryAnswerSchema = tcpEntrySchema;
