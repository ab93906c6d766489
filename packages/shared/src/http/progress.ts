import { z } from "zod";
import { sessionIdSchema, slugSchema, submissionIdSchema, userIdSchema } from "../ids.ts";
import { bilingualSchema } from "../lab.ts";
import { SESSION_STATES } from "../states.ts";
import { OUTCOMES, VERDICTS } from "./grades.ts";
import { studentNumberSchema } from "./people.ts";

/** A check, and the moment with which it was met: what is asked of the recording so far. */
export const milestoneSchema = z.strictObject({
  check: slugSchema,
  title: bilingualSchema,
  verdict: z.enum(VERDICTS),
  points: z.number().min(0),
  pointsMax: z.number().min(0),
  /** The event with which it was complete; null where it is not met, or where no event shows it. */
  event: z.int().min(0).nullable(),
  /** Of that event, by the server's clock. */
  at: z.iso.datetime().nullable(),
  reason: bilingualSchema,
});
export type Milestone = z.infer<typeof milestoneSchema>;

/** How far a session has come. */
export const progressSchema = z.strictObject({
  session: sessionIdSchema,
  state: z.enum(SESSION_STATES),
  submission: submissionIdSchema.nullable(),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  /** `submission`: its grade as it stands. `recording`: the recording so far. `none`: see `why`. */
  from: z.enum(["submission", "recording", "none"]),
  /** Why nothing can be said: no recording yet, its cell does not answer, not gradable. */
  why: z.string().nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
  /** Events that were looked at. */
  events: z.int().min(0),
  points: z.number().min(0),
  pointsMax: z.number().min(0),
  milestones: z.array(milestoneSchema),
  /** The one that was met last; null where none is. */
  last: z.strictObject({ check: slugSchema, title: bilingualSchema, at: z.iso.datetime().nullable() }).nullable(),
  /** The first check in the rubric's order that is within reach and not met, with its hint. */
  next: z.strictObject({ check: slugSchema, title: bilingualSchema, hint: bilingualSchema.nullable() }).nullable(),
});
export type Progress = z.infer<typeof progressSchema>;

const studentSchema = { user: userIdSchema, name: z.string(), studentNumber: studentNumberSchema.nullable() };

/** GET /v1/courses/:course/labs/:lab/progress (the course's instructors): each student's running or last session. */
export const labProgressQuerySchema = z.strictObject({
  /** Sessions that ended, if they did, within so many minutes. */
  minutes: z.coerce
    .number()
    .int()
    .min(1)
    .max(7 * 24 * 60)
    .default(120),
});
export const labProgressSchema = z.strictObject({
  at: z.iso.datetime(),
  rows: z.array(
    z.strictObject({
      ...studentSchema,
      progress: progressSchema.nullable(),
      /** Minutes since the last milestone, or since the session began. */
      minutes: z.number().min(0).nullable(),
    }),
  ),
});
export type LabProgress = z.infer<typeof labProgressSchema>;

/** GET /v1/courses/:course/labs/:lab/timeline?user= (the course's instructors): one student's way through a lab. */
export const timelineQuerySchema = z.strictObject({ user: userIdSchema });
export const timelineSchema = z.strictObject({
  ...studentSchema,
  /** Oldest first. */
  sessions: z.array(progressSchema),
  /** Each check, in the rubric's order, where it was first met. */
  firsts: z.array(
    z.strictObject({
      check: slugSchema,
      title: bilingualSchema,
      session: sessionIdSchema.nullable(),
      event: z.int().min(0).nullable(),
      at: z.iso.datetime().nullable(),
    }),
  ),
});
export type Timeline = z.infer<typeof timelineSchema>;
