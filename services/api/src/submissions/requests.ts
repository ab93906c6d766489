import { RingsideError, submissionIdSchema } from "@ringside/shared";
import { z } from "zod";
import { relationTo } from "../auth/access.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database } from "../database/database.ts";
import { type SubmissionRow, submissionInclude } from "./view.ts";

/** What the routes below /v1/submissions/:id have in common. */
export const submissionParams = z.object({ id: submissionIdSchema });

/** @throws RingsideError not_found for whoever may not know of the submission */
export async function needSubmission(database: Database, principal: Principal, id: string): Promise<SubmissionRow> {
  const row = await database.submission.findUnique({ where: { id }, include: submissionInclude });
  relationTo(principal, row);
  if (row === null) {
    throw new RingsideError("not_found");
  }
  return row;
}
