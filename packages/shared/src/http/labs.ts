import { z } from "zod";
import { sha256Schema, slugSchema } from "../ids.ts";
import { imageNameSchema } from "../image.ts";
import { bilingualSchema, labFileSchema, parameterNameSchema, parameterValueSchema } from "../lab.ts";
import { questionSchema } from "./answers.ts";

/** What students are told for whom a parameter has this value. */
const labNoteSchema = z.strictObject({
  parameter: parameterNameSchema,
  value: parameterValueSchema,
  text: bilingualSchema,
});
export type LabNote = z.infer<typeof labNoteSchema>;

/** One lab of a course, as its students see it. */
export const labSchema = z.strictObject({
  lab: slugSchema,
  course: slugSchema,
  title: bilingualSchema,
  summary: bilingualSchema,
  image: imageNameSchema,
  /** null while the image is not built on the server. */
  imageDigest: sha256Schema.nullable(),
  rubricDigest: sha256Schema,
  pointsMax: z.number().min(0),
  firstSteps: labFileSchema.shape.first_steps.unwrap(),
  sessionMinutes: z.int(),
  /** What its students answer, with `monitor answer` in gdb or `ringside answer`. */
  questions: z.array(questionSchema).default([]),
  notes: z.array(labNoteSchema).default([]),
});
export type Lab = z.infer<typeof labSchema>;
/** GET /v1/labs?course= */
export const labListSchema = z.strictObject({ labs: z.array(labSchema) });
/** POST /v1/courses/:course/labs (instructor): offer a lab from the server's lab folder. */
export const offerLabSchema = z.strictObject({ lab: slugSchema });
