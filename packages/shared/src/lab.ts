import { z } from "zod";
import { studentNumberSchema } from "./http/people.ts";
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
  STUDENT_DIGITS_MAX,
  TABLE_ROWS_MAX,
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
/** A parameter's value: what the guest is told and the grader expects. Integers, or words of a-z, 0-9 and _. */
export const parameterValueSchema = z.union([z.int().min(0), z.string().regex(/^[a-z0-9_]{1,32}$/)]);
export type ParameterValue = z.infer<typeof parameterValueSchema>;
export const parametersSchema = z
  .record(parameterNameSchema, parameterValueSchema)
  .refine((values) => Object.keys(values).length <= PARAMETERS_MAX, `at most ${PARAMETERS_MAX} parameters`);
export type Parameters = z.infer<typeof parametersSchema>;

/** Where a student's digits are from: their own number, the course's secret, or the lab file. */
export const DIGITS_ORIGINS = ["student_number", "course", "lab"] as const;
export type DigitsOrigin = (typeof DIGITS_ORIGINS)[number];

/** The table that a lookup reads is the file `<table>.yaml` beside `lab.yaml`. */
export const tableNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

const studentDigitsSchema = z
  .strictObject({
    kind: z.literal("student_digits"),
    /** The last so many digits of the student's number; drawn for a student whose number has fewer. */
    count: z.int().min(1).max(STUDENT_DIGITS_MAX),
    /** What these students have instead, by their numbers. */
    overrides: z.record(studentNumberSchema, z.int().min(0)).default({}),
  })
  .refine((rule) => Object.values(rule.overrides).every((value) => value < 10 ** rule.count), {
    path: ["overrides"],
    message: "a value has more digits than count",
  });

/** How a student's own value is drawn from the course's secret, the student and the lab. */
export const parameterRuleSchema = z.discriminatedUnion("kind", [
  z
    .strictObject({ kind: z.literal("int"), min: z.int().min(0), max: z.int().min(0) })
    .refine((rule) => rule.min <= rule.max, "min must not be above max"),
  z.strictObject({ kind: z.literal("word"), chars: z.int().min(1).max(32) }),
  z.strictObject({ kind: z.literal("fixed"), value: parameterValueSchema }),
  /** A large number that a system call can carry, and that no other parameter of the lab has. */
  z.strictObject({ kind: z.literal("nonce") }),
  studentDigitsSchema,
  /** How `of` came about: one of DIGITS_ORIGINS. */
  z.strictObject({ kind: z.literal("digits_origin"), of: parameterNameSchema }),
  /** What stands in the table's row for the value of the parameter `by`, whose name is a column too. */
  z.strictObject({
    kind: z.literal("lookup"),
    table: tableNameSchema,
    by: parameterNameSchema,
    column: parameterNameSchema,
  }),
]);
export type ParameterRule = z.infer<typeof parameterRuleSchema>;

/** A table of a lab: rows of values, and words for people where a row needs some. */
export const labTableSchema = z.strictObject({
  rows: z
    .array(z.record(parameterNameSchema, z.union([parameterValueSchema, bilingualSchema])))
    .min(1)
    .max(TABLE_ROWS_MAX),
});
export type LabTable = z.infer<typeof labTableSchema>;
/** A lab's tables by their names. */
export type LabTables = Readonly<Record<string, LabTable>>;

/** What becomes of a machine that stands for a debugger which hangs up without a word. */
export const ON_DISCONNECT = ["run", "stay"] as const;
export type OnDisconnect = (typeof ON_DISCONNECT)[number];

/**
 * Where a lab's machines wait for their student: at their program's prompt, or before the processor's first
 * instruction, until a debugger lets it run. The latter are booted for each session: they come from no template, and
 * cannot be recorded for a replay, saved or forked, and never hibernate.
 */
export const MACHINE_STARTS = ["prompt", "power_on"] as const;
export type MachineStart = (typeof MACHINE_STARTS)[number];

const labShape = z.strictObject({
  title: bilingualSchema,
  summary: bilingualSchema,
  image: imageNameSchema,
  /** The image's program that the lab is about: `stopped_at: { program: listen }` means a function of this one. */
  program: slugSchema.default("menuos"),
  machine: z.strictObject({ start: z.enum(MACHINE_STARTS).default("prompt") }).prefault({}),
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

/** `lab.yaml`: everything about a lab but its rubric and handouts, which stand beside it. */
export const labFileSchema = labShape.refine((lab) => !lab.record || lab.machine.start === "prompt", {
  path: ["record"],
  message: "machines that start at power_on cannot be recorded",
});
export type LabFile = z.infer<typeof labFileSchema>;

export const labSlugSchema = slugSchema;
export const labTitleSchema = z.string().max(NAME_CHARS_MAX);
