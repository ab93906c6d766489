import { z } from "zod";
import { slugSchema, userIdSchema } from "../ids.ts";
import { NAME_CHARS_MAX, OVERRIDE_REASON_CHARS_MAX } from "../limits.ts";
import { overrideSchema } from "./grades.ts";

/** PUT /v1/submissions/:id/overrides/:check (the course's instructors): 200 submissionSchema. DELETE: the same. */
export const setOverrideSchema = overrideSchema.pick({ points: true, reason: true });

/** GET /v1/submissions/:id/overrides: what stands, and all that was ever done, newest first. */
export const overrideListSchema = z.strictObject({
  overrides: z.array(overrideSchema),
  /** Those that fit no check of the grade as it is now; they count again when one fits. */
  unused: z.array(overrideSchema),
  history: z.array(
    z.strictObject({
      at: z.iso.datetime(),
      author: userIdSchema,
      authorName: z.string().max(NAME_CHARS_MAX),
      did: z.enum(["set", "remove"]),
      check: slugSchema,
      /** As it was set, or removed. */
      points: z.number().min(0),
      reason: z.string().max(OVERRIDE_REASON_CHARS_MAX),
    }),
  ),
});
export type OverrideList = z.infer<typeof overrideListSchema>;
