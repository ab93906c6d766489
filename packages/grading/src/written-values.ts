import { bilingualSchema, slugSchema } from "@ringside/shared";
import { z } from "zod";
import { ANSWER_CHARS_MAX, REGISTERS_MAX, TYPED_CHARS_MAX } from "./limits.ts";

/** Words and values as people write them in `rubric.yaml`. */
const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_.]{0,199}$/;
export const functionNameSchema = z.string().regex(FUNCTION_NAME, { error: "must be the name of a C function" });
/** In conditions: a function, or the student's own, whose name is a parameter. */
export const functionSchema = z.string().regex(/^(?:[A-Za-z_][A-Za-z0-9_.]{0,199}|\$[a-z][a-z0-9_]{0,31})$/, {
  error: "must be the name of a C function, or $ and the name of a parameter (such as $handler)",
});
export const symbolNameSchema = z
  .string()
  .regex(FUNCTION_NAME, { error: "must be the name of a variable or function of the kernel" });
export const memberNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.]{0,199}$/, { error: "must be the name of a structure's member" });
export const structureNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, { error: "must be the name of a C structure, without the word struct" });
export const argumentNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, { error: "must be the name of an argument" });
export const registerNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{1,11}$/, { error: "must be the name of a register, such as rax" });
export const checkNameSchema = slugSchema;
export const questionNameSchema = z
  .string()
  .regex(/^[a-z0-9-]{1,32}$/, { error: "must be the name of a question: a to z, 0 to 9 and -, at most 32" });

export const PARAMETER = /^\$[a-z][a-z0-9_]{0,31}$/;
/** Larger than the numbers that YAML readers keep exactly. */
export const LARGE_NUMBER = /^0x[0-9a-fA-F]{1,16}$/;
const NUMBER_OR_PARAMETER = `${PARAMETER.source}|${LARGE_NUMBER.source}`;
const VALUE_WORDS = "must be a whole number, or $ and the name of a parameter (such as $backlog)";
export const valueSchema = wordsOrNumber(NUMBER_OR_PARAMETER, VALUE_WORDS);

export const ADDRESS_WORDS = ["kernel_address", "user_address"] as const;
const registerValueSchema = wordsOrNumber(
  `${NUMBER_OR_PARAMETER}|^(?:${ADDRESS_WORDS.join("|")})$`,
  `${VALUE_WORDS}, or one of: ${ADDRESS_WORDS.join(", ")}`,
);

function wordsOrNumber(pattern: string, error: string) {
  return z.union([z.int({ error }), z.string().regex(new RegExp(pattern), { error })], { error });
}

export const registersSchema = z
  .record(registerNameSchema, registerValueSchema)
  .refine((registers) => Object.keys(registers).length <= REGISTERS_MAX, `at most ${REGISTERS_MAX} registers`)
  .default({});

const ONE_LINE = /^\S(?:[^\p{Cc}]*\S)?$/u;
const oneLine = (most: number) =>
  z.string().min(1).max(most).regex(ONE_LINE, { error: "must be one line, without spaces at its ends" });
export const lineSchema = oneLine(TYPED_CHARS_MAX);
export const answerTextSchema = oneLine(ANSWER_CHARS_MAX).refine((text) => !text.startsWith("$"));

export const titleSchema = bilingualSchema;

/** A strict object whose message for an unknown key says which there are. */
export function described<S extends z.core.$ZodLooseShape>(what: string, shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `${what} has no ${issue.keys?.join(", ")}; allowed are: ${Object.keys(shape).join(", ")}`
        : undefined,
  });
}
