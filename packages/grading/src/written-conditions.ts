import { z } from "zod";
import { ARGUMENTS_MAX, CONDITION_NESTING_MAX, CONDITIONS_MAX, COUNT_MAX, RIGHT_ANSWERS_MAX } from "./limits.ts";
import {
  answerTextSchema,
  argumentNameSchema,
  checkNameSchema,
  described,
  functionNameSchema,
  functionSchema,
  lineSchema,
  memberNameSchema,
  questionNameSchema,
  registerNameSchema,
  registersSchema,
  structureNameSchema,
  symbolNameSchema,
  valueSchema,
} from "./written-values.ts";

/** Conditions as people write them; docs/rubrics.md shows each. */
const toldSchema = z.enum(["accept", "refuse"]).default("accept");
const howSchema = z.enum(["instruction", "line", "out"]);

const stoppedAtSchema = described("stopped_at", {
  function: functionSchema.optional(),
  program: functionNameSchema.optional(),
  args: z
    .record(argumentNameSchema, valueSchema)
    .refine((args) => Object.keys(args).length <= ARGUMENTS_MAX, `at most ${ARGUMENTS_MAX} arguments`)
    .default({}),
  registers: registersSchema,
  user_registers: registersSchema,
  syscall: valueSchema.optional(),
  via: functionSchema.optional(),
  mode: z.enum(["kernel", "user"]).optional(),
  position: z.enum(["entry", "breakpoint", "inside"]).optional(),
  cause: z.enum(["breakpoint", "watchpoint", "step", "interrupt", "other"]).optional(),
  by_step: howSchema.optional(),
  after: checkNameSchema.optional(),
  after_writes: z.enum(["refuse", "accept"]).default("refuse"),
})
  .refine((at) => at.function !== undefined || at.program !== undefined || at.mode !== undefined, {
    error: "needs a place: function, program or mode",
  })
  .refine((at) => at.function === undefined || at.program === undefined, {
    error: "takes function (the kernel's) or program (a function of the lab's program), not both",
  })
  .refine((at) => at.function !== undefined || Object.keys(at.args).length === 0, {
    error: "args are known of a kernel function only: give function",
  });

const steppedSchema = described("stepped", {
  how: howSchema,
  in: functionSchema.optional(),
  at_least: z.int().min(1).max(COUNT_MAX).default(1),
  after: checkNameSchema.optional(),
});

const breakpointSilentSchema = described("breakpoint_silent", {
  function: functionSchema,
  while: checkNameSchema,
});

const lookedAtSchema = described("looked_at", {
  structure: structureNameSchema,
  member: memberNameSchema.optional(),
  value: valueSchema.optional(),
  after: checkNameSchema.optional(),
  told: toldSchema,
}).refine((look) => look.value === undefined || look.member !== undefined, { error: "value needs a member" });

const readMemorySchema = described("read_memory", {
  symbol: symbolNameSchema.optional(),
  stack: z.literal(true).optional(),
  in: functionSchema.optional(),
  after: checkNameSchema.optional(),
  told: toldSchema,
}).refine((read) => (read.symbol === undefined) !== (read.stack === undefined), {
  error: "needs symbol, or stack: true",
});

const readRegistersSchema = described("read_registers", { after: checkNameSchema.optional(), told: toldSchema });

const printedSchema = described("printed", { text: lineSchema, after: checkNameSchema.optional() });

const neverSchema = described("never", {
  wrote_registers: z.literal(true).optional(),
  wrote_memory: z.literal(true).optional(),
  jumped: z.literal(true).optional(),
  stopped_at: functionSchema.optional(),
  before: checkNameSchema.optional(),
}).refine((never) => never.wrote_registers || never.wrote_memory || never.jumped || never.stopped_at, {
  error: "needs wrote_registers: true, wrote_memory: true, jumped: true or stopped_at",
});

const SOURCES = ["argument", "register", "user_register", "syscall", "member"] as const;
const sourceSchema = described("from", {
  check: checkNameSchema,
  argument: argumentNameSchema.optional(),
  register: registerNameSchema.optional(),
  user_register: registerNameSchema.optional(),
  syscall: z.literal(true).optional(),
  member: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}\.[A-Za-z_][A-Za-z0-9_.]{0,199}$/, {
      error: "must be a structure and its member, such as socket.type",
    })
    .optional(),
}).refine((from) => SOURCES.filter((source) => from[source] !== undefined).length === 1, {
  error: `needs exactly one of: ${SOURCES.join(", ")}`,
});

const rightAnswerSchema = z.union(
  [
    valueSchema,
    answerTextSchema,
    described("an answer", { function: functionSchema }),
    described("an answer", { from: sourceSchema }),
  ],
  {
    error:
      "must be a number, a text, $ and the name of a parameter, { function: NAME }, or { from: { check: CHECK, argument: NAME } }",
  },
);

const answeredSchema = described("answered", {
  question: questionNameSchema,
  equals: z.union([rightAnswerSchema, z.array(rightAnswerSchema).min(1).max(RIGHT_ANSWERS_MAX)]),
  tolerance: z.int().min(0).default(0),
});

const SIMPLE_CONDITIONS = {
  attached: z.literal(true).optional(),
  breakpoint_on: functionSchema.optional(),
  breakpoint_silent: breakpointSilentSchema.optional(),
  console_typed: lineSchema.optional(),
  printed: printedSchema.optional(),
  stopped_at: stoppedAtSchema.optional(),
  stepped: steppedSchema.optional(),
  looked_at: lookedAtSchema.optional(),
  read_memory: readMemorySchema.optional(),
  read_registers: readRegistersSchema.optional(),
  answered: answeredSchema.optional(),
  resumed_after: checkNameSchema.optional(),
  never: neverSchema.optional(),
};

const NESTING = ["all_of", "any_of", "none_of"] as const;
const CONDITION_NAMES = [...Object.keys(SIMPLE_CONDITIONS), ...NESTING].join(", ");

export type WrittenCondition = z.output<z.ZodObject<typeof SIMPLE_CONDITIONS>> & {
  readonly [K in (typeof NESTING)[number]]?: readonly WrittenCondition[] | undefined;
};

function nestedSchema(nesting: number): z.ZodType<WrittenCondition> {
  const inner =
    nesting === 0
      ? z.never({ error: `at most ${CONDITION_NESTING_MAX} ${NESTING.join(", ")} inside each other` })
      : z
          .array(nestedSchema(nesting - 1))
          .min(1)
          .max(CONDITIONS_MAX);
  const shape = {
    ...SIMPLE_CONDITIONS,
    all_of: inner.optional(),
    any_of: inner.optional(),
    none_of: inner.optional(),
  };
  return described("a condition", shape).refine((written) => Object.keys(written).length === 1, {
    error: `must have exactly one condition of: ${CONDITION_NAMES}`,
  }) as z.ZodType<WrittenCondition>;
}

export const conditionSchema = nestedSchema(CONDITION_NESTING_MAX);
