import { z } from "zod";
import { ALIASES_MAX, CHECKS_MAX, FUNCTIONS_MAX, PARTIAL_MAX, POINTS_MAX, QUESTIONS_MAX } from "./limits.ts";
import { conditionSchema } from "./written-conditions.ts";
import { checkNameSchema, described, functionNameSchema, questionNameSchema, titleSchema } from "./written-values.ts";

/**
 * The language of `rubric.yaml`, as people write it (docs/rubrics.md):
 *
 *   functions:                      names for functions that the image does not know by themselves
 *     - function: syscall_entry
 *       aliases: [entry_SYSCALL_64, entry_INT80_compat]
 *   questions:                      what students are asked
 *     - { id: clamp, kind: number, title: { en: …, zh: … } }
 *   checks:
 *     - id: stopped
 *       title: { en: …, zh: … }
 *       points: 20
 *       needs: [attached]           these must pass first; no cycles
 *       when: { stopped_at: { function: sys_listen, args: { backlog: $backlog }, via: syscall_entry } }
 *       partial:                    for a part of the points
 *         - { points: 5, when: { breakpoint_on: sys_listen } }
 *       hint: { en: …, zh: … }      told where the check is not met
 *
 * `when` has exactly one condition; `$name` is the student's own parameter. There are no patterns: text is
 * compared as it stands.
 */
const partialSchema = described("a partial", {
  points: z.number().gt(0).max(POINTS_MAX),
  title: titleSchema.optional(),
  when: conditionSchema,
});

const checkSchema = described("a check", {
  id: checkNameSchema,
  title: titleSchema,
  points: z.number().min(0).max(POINTS_MAX),
  needs: z.array(checkNameSchema).max(CHECKS_MAX).default([]),
  when: conditionSchema,
  partial: z.array(partialSchema).max(PARTIAL_MAX).default([]),
  hint: titleSchema.optional(),
});

const functionSchema = described("a function", {
  function: functionNameSchema,
  aliases: z.array(functionNameSchema).max(ALIASES_MAX).default([]),
});

const questionSchema = described("a question", {
  id: questionNameSchema,
  kind: z.enum(["number", "text"]),
  title: titleSchema,
});

export const rubricFileSchema = described("a rubric", {
  functions: z.array(functionSchema).max(FUNCTIONS_MAX).default([]),
  questions: z.array(questionSchema).max(QUESTIONS_MAX).default([]),
  checks: z.array(checkSchema).min(1).max(CHECKS_MAX),
});
export type RubricFile = z.output<typeof rubricFileSchema>;
