import { z } from "zod";
import { regradeIdSchema, sha256Schema, slugSchema, submissionIdSchema, userIdSchema } from "../ids.ts";
import { bilingualSchema } from "../lab.ts";
import { NAME_CHARS_MAX, REGRADE_PAGE_ROWS_MAX, RUBRIC_CHARS_MAX } from "../limits.ts";
import { OUTCOMES, overrideSchema, VERDICTS } from "./grades.ts";
import { studentNumberSchema } from "./people.ts";

/** `running`: being graded. `ready`: to be looked at. `applied`: its results are the grades. */
export const REGRADE_STATES = ["running", "ready", "applied"] as const;

/**
 * POST /v1/courses/:course/labs/:lab/regrades (the course's instructors): 202 regradeSchema. Changes no grade: it
 * grades all submissions of the lab and keeps the results. The same request while it runs is answered with it.
 */
export const createRegradeSchema = z.strictObject({
  /** The rubric file's text; without it, the lab folder's own as it stands. */
  rubric: z.string().min(1).max(RUBRIC_CHARS_MAX).optional(),
  /** The file's name, for messages. */
  file: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/)
    .optional(),
});

/** GET …/regrades/:id?wait_ms= : answers early once it is `ready`. POST …/regrades/:id/apply: 200, or 409. */
export const regradeSchema = z.strictObject({
  id: regradeIdSchema,
  course: slugSchema,
  lab: slugSchema,
  author: userIdSchema,
  authorName: z.string().max(NAME_CHARS_MAX),
  state: z.enum(REGRADE_STATES),
  rubricDigest: sha256Schema,
  /** Whether that is the lab folder's own rubric now: what is handed in later is graded by that one. */
  rubricIsTheLabs: z.boolean(),
  graderVersion: z.string(),
  submissions: z.int().min(0),
  /** Of them so many are graded, or cannot be. */
  done: z.int().min(0),
  /** Of those so many have another outcome or verdict than before, or an override that fits no more. */
  changed: z.int().min(0),
  /** So many could not be graded now: they keep their grades. */
  problems: z.int().min(0),
  createdAt: z.iso.datetime(),
  readyAt: z.iso.datetime().nullable(),
  appliedAt: z.iso.datetime().nullable(),
});
export type Regrade = z.infer<typeof regradeSchema>;
export const regradeListSchema = z.strictObject({ regrades: z.array(regradeSchema) });

/** GET …/regrades/:id/changes?after=&limit= : by submission; `next` is the `after` of the next page. */
export const regradeChangesQuerySchema = z.strictObject({
  after: submissionIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(REGRADE_PAGE_ROWS_MAX).default(REGRADE_PAGE_ROWS_MAX),
});

const totalsSchema = z.strictObject({
  outcome: z.enum(OUTCOMES),
  ungradable: bilingualSchema.nullable(),
  points: z.number().min(0),
  pointsMax: z.number().min(0),
});
const judgedSchema = z.strictObject({
  verdict: z.enum(VERDICTS),
  points: z.number().min(0),
  pointsMax: z.number().min(0),
  /** An instructor's own judgement. */
  overridden: z.boolean(),
});

/** A check that is judged otherwise; null on the side of a rubric that does not have it. */
export const checkChangeSchema = z.strictObject({
  check: slugSchema,
  title: bilingualSchema,
  before: judgedSchema.nullable(),
  after: judgedSchema.nullable(),
});
export type CheckChange = z.infer<typeof checkChangeSchema>;

/** What a regrade changes of one submission: with instructors' judgements in their places, before and after. */
export const gradeChangeSchema = z.strictObject({
  submission: submissionIdSchema,
  user: userIdSchema,
  name: z.string(),
  studentNumber: studentNumberSchema.nullable(),
  submittedAt: z.iso.datetime(),
  /** null: it had no grade. */
  before: totalsSchema.nullable(),
  /** null: it could not be graded, see `problem`. */
  after: totalsSchema.nullable(),
  problem: z.string().nullable(),
  checks: z.array(checkChangeSchema),
  /** Overrides that fit no check of the new grade. They are kept. */
  unused: z.array(overrideSchema),
});
export type GradeChange = z.infer<typeof gradeChangeSchema>;
export const regradeChangesSchema = z.strictObject({
  changes: z.array(gradeChangeSchema),
  next: submissionIdSchema.nullable(),
});
