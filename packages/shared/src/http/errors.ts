import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import { requestIdSchema } from "../ids.ts";

/** The body of every answer that is not 2xx. */
export const errorBodySchema = z.strictObject({
  code: z.enum(ERROR_CODES as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  requestId: requestIdSchema,
  /** For input errors: where and what. */
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;
