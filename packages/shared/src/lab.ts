import { z } from "zod";
import { slugSchema } from "./ids.ts";
import { imageNameSchema } from "./image.ts";
import {
  CPU_PERCENT_DEFAULT,
  CPU_PERCENT_MIN,
  HINT_CHARS_MAX,
  HINTS_MAX,
  IDLE_MINUTES_DEFAULT,
  NAME_CHARS_MAX,
  PARAMETERS_MAX,
  SESSION_MINUTES_MAX,
} from "./limits.ts";

/** Text in the two languages of the course. */
export const bilingualSchema = z.strictObject({
  en: z.string().min(1).max(2_000),
  zh: z.string().min(1).max(2_000),
});
export type Bilingual = z.infer<typeof bilingualSchema>;

/** What a student who asks is told: gdb prints it, so that it has no control characters in it. */
const hintTextSchema = z
  .string()
  .min(1)
  .max(HINT_CHARS_MAX)
  .regex(/^\P{Cc}*$/u, "must have no control characters, line ends neither");
export const hintSchema = z.strictObject({ en: hintTextSchema, zh: hintTextSchema });
/** One after the other, as they are asked for. */
export const hintsSchema = z.array(hintSchema).max(HINTS_MAX);
export type Hint = z.infer<typeof hintSchema>;

export const parameterNameSchema = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/);
/** A parameter's value: what the guest is told and the grader expects. Integers, or words of a-z and 0-9. */
export const parameterValueSchema = z.union([z.int().min(0), z.string().regex(/^[a-z0-9]{1,32}$/)]);
export const parametersSchema = z
  .record(parameterNameSchema, parameterValueSchema)
  .refine((values) => Object.keys(values).length <= PARAMETERS_MAX, `at most ${PARAMETERS_MAX} parameters`);
export type Parameters = z.infer<typeof parametersSchema>;

/** How a student's own value is drawn from the course's secret, the student and the lab. */
export const parameterRuleSchema = z.discriminatedUnion("kind", [
  z
    .strictObject({ kind: z.literal("int"), min: z.int().min(0), max: z.int().min(0) })
    .refine((rule) => rule.min <= rule.max, "min must not be above max"),
  z.strictObject({ kind: z.literal("word"), chars: z.int().min(1).max(32) }),
  z.strictObject({ kind: z.literal("fixed"), value: parameterValueSchema }),
]);
export type ParameterRule = z.infer<typeof parameterRuleSchema>;

/** What becomes of a machine that stands for a debugger which hangs up without a word. */
export const ON_DISCONNECT = ["run", "stay"] as const;
export type OnDisconnect = (typeof ON_DISCONNECT)[number];

/** `lab.yaml`: everything about a lab but its rubric and handouts, which stand beside it. */
export const labFileSchema = z.strictObject({
  title: bilingualSchema,
  summary: bilingualSchema,
  image: imageNameSchema,
  /** Machines are recorded so that a submission can be run again, instruction by instruction. */
  record: z.boolean().default(false),
  parameters: z.record(parameterNameSchema, parameterRuleSchema).default({}),
  limits: z
    .strictObject({
      session_minutes: z.int().min(1).max(SESSION_MINUTES_MAX).default(120),
      memory_mib: z.int().min(32).max(512).default(64),
      /** Of one core, over time. */
      cpu_percent: z.int().min(CPU_PERCENT_MIN).max(100).default(CPU_PERCENT_DEFAULT),
      /** Without any connection; 0 is never. A recorded machine never hibernates. */
      idle_minutes: z.int().min(0).max(SESSION_MINUTES_MAX).default(IDLE_MINUTES_DEFAULT),
      /** Sessions of this lab that may be open at the same time, over all students; null: only the server's limit. */
      sessions: z.int().min(1).nullable().default(null),
    })
    .prefault({}),
  debugger: z.strictObject({ on_disconnect: z.enum(ON_DISCONNECT).default("run") }).prefault({}),
  /** What a student types into gdb and the console first; shown by `ringside connect`. */
  first_steps: z
    .strictObject({ gdb: z.array(z.string().max(200)).max(20), console: z.array(z.string().max(200)).max(20) })
    .prefault({ gdb: [], console: [] }),
  /** What `monitor hint` says in gdb; without it, the hints of the rubric's checks. */
  hints: hintsSchema.optional(),
});
export type LabFile = z.infer<typeof labFileSchema>;

export const labSlugSchema = slugSchema;
export const labTitleSchema = z.string().max(NAME_CHARS_MAX);
