import { z } from "zod";
import { bilingualSchema } from "../lab.ts";
import { answerSchema } from "./grades.ts";

export const QUESTION_KINDS = ["number", "text"] as const;

/** A lab's question, as its students see it. */
export const questionSchema = z.strictObject({
  question: answerSchema.shape.question,
  kind: z.enum(QUESTION_KINDS),
  title: bilingualSchema,
});
export type Question = z.infer<typeof questionSchema>;

/** GET /v1/sessions/:id/answers, PUT /v1/sessions/:id/answers/:question: every question, with the answer that stands. */
export const sessionAnswersSchema = z.strictObject({
  questions: z.array(
    questionSchema.extend({
      /** null: not answered so; what was answered in gdb stands in the recording. */
      value: answerSchema.shape.value.nullable(),
      at: z.iso.datetime().nullable(),
    }),
  ),
});
export type SessionAnswers = z.infer<typeof sessionAnswersSchema>;
export const putAnswerSchema = z.strictObject({ value: answerSchema.shape.value.trim().min(1) });
