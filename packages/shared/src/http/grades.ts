import { z } from "zod";
import { recordingSchema } from "../cell-link.ts";
import { sessionIdSchema, sha256Schema, slugSchema, submissionIdSchema, userIdSchema } from "../ids.ts";
import { bilingualSchema } from "../lab.ts";
import { NAME_CHARS_MAX, OVERRIDE_REASON_CHARS_MAX } from "../limits.ts";
import { studentNumberSchema } from "./people.ts";

export const OUTCOMES = ["graded", "ungradable"] as const;
export const VERDICTS = ["pass", "partial", "fail", "not_reached"] as const;

/** An instructor's own judgement of one check, in the place of the grader's. */
export const overrideSchema = z.strictObject({
  check: slugSchema,
  points: z.number().min(0),
  reason: z.string().min(1).max(OVERRIDE_REASON_CHARS_MAX),
  author: userIdSchema,
  /** For people; the server knows it. */
  authorName: z.string().min(1).max(NAME_CHARS_MAX).optional(),
  at: z.iso.datetime(),
});
export type Override = z.infer<typeof overrideSchema>;

/** One check's result. `evidence` are event numbers of the trace. */
export const verdictSchema = z.strictObject({
  check: slugSchema,
  title: bilingualSchema,
  verdict: z.enum(VERDICTS),
  points: z.number().min(0),
  pointsMax: z.number().min(0),
  reason: bilingualSchema,
  evidence: z.array(z.int().min(0)).max(100),
  /** Of each event in `evidence`: milliseconds since the trace was opened. Grades of grader version 1 have none. */
  times: z.array(z.number().min(0)).max(100).optional(),
  /** Present where an instructor judged: verdict, points and reason above are theirs, and these the grader's own. */
  override: z
    .strictObject({
      author: userIdSchema,
      authorName: z.string().min(1).max(NAME_CHARS_MAX).optional(),
      at: z.iso.datetime(),
      automatic: z.strictObject({ verdict: z.enum(VERDICTS), points: z.number().min(0), reason: bilingualSchema }),
    })
    .optional(),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** What grading answers: a function of trace, rubric and symbols alone, the same bytes each time. */
export const gradeResultSchema = z.strictObject({
  outcome: z.enum(OUTCOMES),
  /** Why it cannot be graded; null where it was. */
  ungradable: bilingualSchema.nullable(),
  points: z.number().min(0),
  pointsMax: z.number().min(0),
  verdicts: z.array(verdictSchema),
  rubricDigest: sha256Schema,
  traceDigest: sha256Schema,
  graderVersion: z.string().min(1).max(40),
});
export type GradeResult = z.infer<typeof gradeResultSchema>;

export const gradeSchema = gradeResultSchema.extend({
  submission: submissionIdSchema,
  version: z.int().min(1),
  createdAt: z.iso.datetime(),
  /** Instructors' judgements that fit no check of this grade; absent where there are none. */
  overridesUnused: z.array(overrideSchema).optional(),
});
export type Grade = z.infer<typeof gradeSchema>;

/** A question's answer as it is handed in: of several for one question the last counts. */
export const answerSchema = z.strictObject({
  question: z.string().regex(/^[a-z0-9-]{1,32}$/),
  value: z.string().max(200),
});
export type Answer = z.infer<typeof answerSchema>;

/** POST /v1/sessions/:id/submit: 202. GET /v1/submissions/:id?wait_ms= waits for the grade. */
export const submissionSchema = z.strictObject({
  id: submissionIdSchema,
  session: sessionIdSchema,
  user: userIdSchema,
  course: slugSchema,
  lab: slugSchema,
  traceDigest: sha256Schema,
  traceEvents: z.int().min(1),
  traceBytes: z.int().min(1),
  createdAt: z.iso.datetime(),
  /** Replay logs, each at GET /v1/submissions/:id/recordings/:epoch; templates at GET /v1/templates/:sha256. */
  recordings: z.array(recordingSchema),
  grade: gradeSchema.nullable(),
});
export type Submission = z.infer<typeof submissionSchema>;

/** GET /v1/courses/:course/labs/:lab/grades (instructor): the latest submission of each member. */
export const gradeTableSchema = z.strictObject({
  rows: z.array(
    z.strictObject({
      user: userIdSchema,
      name: z.string(),
      studentNumber: studentNumberSchema.nullable(),
      submission: submissionSchema.nullable(),
    }),
  ),
});
export type GradeTable = z.infer<typeof gradeTableSchema>;
