import { z } from "zod";
import { cellProxySchema, cellRunnerSchema } from "../cell.ts";

/** GET /healthz of every service: the process runs. */
export const healthSchema = z.strictObject({ status: z.literal("ok"), version: z.string() });

/** GET /readyz of every service: 200 where all parts it needs answer, else 503 with the same body. */
export const readinessSchema = z.strictObject({
  status: z.enum(["ready", "not_ready"]),
  checks: z.record(z.string(), z.strictObject({ ok: z.boolean(), detail: z.string() })),
});

/** GET /v1/cells (instructor, admin) */
export const cellListSchema = z.strictObject({
  cells: z.array(
    z.strictObject({ cell: z.string(), proxy: cellProxySchema.nullable(), runner: cellRunnerSchema.nullable() }),
  ),
});
