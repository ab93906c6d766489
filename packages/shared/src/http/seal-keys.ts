import { z } from "zod";
import { sealKeySchema } from "../cell.ts";
import { cellIdSchema } from "../ids.ts";

/** A cell's key as the api knows it. */
export const cellKeySchema = sealKeySchema.extend({
  cell: cellIdSchema,
  firstSeen: z.iso.datetime(),
  /** What was handed in from then on and is signed with it does not count; null: it is good. */
  revokedFrom: z.iso.datetime().nullable(),
});
export type CellKey = z.infer<typeof cellKeySchema>;
/** GET /v1/seal-keys: of all cells, by cell and first seen. They are no secret. */
export const cellKeyListSchema = z.strictObject({ keys: z.array(cellKeySchema) });
/** POST /v1/seal-keys/:key/revoke (admin); without `from`, from now on. */
export const revokeKeySchema = z.strictObject({ from: z.iso.datetime().optional() });
