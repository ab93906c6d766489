import { bilingualSchema, slugSchema } from "@ringside/shared";
import { z } from "zod";
import {
  ALIASES_MAX,
  ARGUMENTS_MAX,
  CHECKS_MAX,
  CONDITION_NESTING_MAX,
  CONDITIONS_MAX,
  FUNCTIONS_MAX,
  POINTS_MAX,
  TYPED_CHARS_MAX,
} from "./limits.ts";

/**
 * The language of `rubric.yaml`, as people write it:
 *
 *   functions:                      names for kernel functions that have several
 *     - function: sys_listen
 *       aliases: [__sys_listen, __x64_sys_listen]
 *   checks:
 *     - id: stopped
 *       title: { en: …, zh: … }
 *       points: 20
 *       needs: [attached]           these must pass first; no cycles
 *       when: { stopped_at: { function: sys_listen, args: { backlog: $backlog }, via: syscall_entry } }
 *       hint: { en: …, zh: … }      told where the check is not met
 *
 * `when` has exactly one condition; `$name` is the student's own parameter. There are no patterns: text is
 * compared as it stands.
 */
const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_.]{0,199}$/;
const functionNameSchema = z.string().regex(FUNCTION_NAME, { error: "must be the name of a C function" });
const argumentNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, { error: "must be the name of an argument" });
const PARAMETER = /^\$[a-z][a-z0-9_]{0,31}$/;
const VALUE_WORDS = "must be a whole number, or $ and the name of a parameter (such as $backlog)";
const valueSchema = z.union([z.int({ error: VALUE_WORDS }), z.string().regex(PARAMETER, { error: VALUE_WORDS })], {
  error: VALUE_WORDS,
});

/** A strict object whose message for an unknown key says which there are. */
function described<S extends z.core.$ZodLooseShape>(what: string, shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `${what} has no ${issue.keys?.join(", ")}; allowed are: ${Object.keys(shape).join(", ")}`
        : undefined,
  });
}

const stoppedAtSchema = described("stopped_at", {
  function: functionNameSchema,
  args: z
    .record(argumentNameSchema, valueSchema)
    .refine((args) => Object.keys(args).length <= ARGUMENTS_MAX, `at most ${ARGUMENTS_MAX} arguments`)
    .default({}),
  via: functionNameSchema.optional(),
  cause: z.enum(["breakpoint", "watchpoint", "step", "interrupt", "other"]).optional(),
  after_writes: z.enum(["refuse", "accept"]).default("refuse"),
});

const neverSchema = described("never", {
  wrote_registers: z.literal(true).optional(),
  wrote_memory: z.literal(true).optional(),
  before: slugSchema.optional(),
}).refine((never) => never.wrote_registers || never.wrote_memory, {
  error: "needs wrote_registers: true or wrote_memory: true",
});

const SIMPLE_CONDITIONS = {
  attached: z.literal(true).optional(),
  breakpoint_on: functionNameSchema.optional(),
  console_typed: z
    .string()
    .min(1)
    .max(TYPED_CHARS_MAX)
    .regex(/^\S(?:[^\p{Cc}]*\S)?$/u, { error: "must be one line, without spaces at its ends" })
    .optional(),
  stopped_at: stoppedAtSchema.optional(),
  resumed_after: slugSchema.optional(),
  never: neverSchema.optional(),
};

const CONDITION_NAMES = [...Object.keys(SIMPLE_CONDITIONS), "all_of", "any_of"].join(", ");

export type WrittenCondition = z.output<z.ZodObject<typeof SIMPLE_CONDITIONS>> & {
  readonly all_of?: readonly WrittenCondition[] | undefined;
  readonly any_of?: readonly WrittenCondition[] | undefined;
};

function conditionSchema(nesting: number): z.ZodType<WrittenCondition> {
  const inner =
    nesting === 0
      ? z.never({ error: `at most ${CONDITION_NESTING_MAX} all_of and any_of inside each other` })
      : z
          .array(conditionSchema(nesting - 1))
          .min(1)
          .max(CONDITIONS_MAX);
  const shape = { ...SIMPLE_CONDITIONS, all_of: inner.optional(), any_of: inner.optional() };
  return described("a condition", shape).refine((written) => Object.keys(written).length === 1, {
    error: `must have exactly one condition of: ${CONDITION_NAMES}`,
  }) as z.ZodType<WrittenCondition>;
}

const checkSchema = described("a check", {
  id: slugSchema,
  title: bilingualSchema,
  points: z.number().min(0).max(POINTS_MAX),
  needs: z.array(slugSchema).max(CHECKS_MAX).default([]),
  when: conditionSchema(CONDITION_NESTING_MAX),
  hint: bilingualSchema.optional(),
});

const functionSchema = described("a function", {
  function: functionNameSchema,
  aliases: z.array(functionNameSchema).max(ALIASES_MAX).default([]),
});

export const rubricFileSchema = described("a rubric", {
  functions: z.array(functionSchema).max(FUNCTIONS_MAX).default([]),
  checks: z.array(checkSchema).min(1).max(CHECKS_MAX),
});
export type RubricFile = z.output<typeof rubricFileSchema>;
