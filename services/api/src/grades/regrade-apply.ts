import { GRADER_VERSION } from "@ringside/grading";
import { RingsideError } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { Actor } from "../courses/courses.ts";
import type { Database, Transaction } from "../database/database.ts";
import { isUniqueViolation } from "../database/outage.ts";
import { basisOf, type LabOfCourse } from "./regrades.ts";

const CHANGED =
  "Since this regrade was made, a grade, an override or a submission of the lab has changed: make it anew";
const NEWER = "The grader has another version since this regrade was made: make it anew";

/**
 * Makes the results of a regrade grades: a further version for each submission whose result is another than its last
 * grade. Older versions stay. All at once or not at all; applying again changes nothing.
 * @returns how many grades there are more
 * @throws RingsideError conflict where it still runs, or where what it was compared with is not there any more
 */
export async function applyRegrade(database: Database, actor: Actor, of: LabOfCourse, id: string): Promise<number> {
  try {
    return await database.$transaction((tx) => applyIn(tx, actor, of, id));
  } catch (cause) {
    // A first grade was written at this moment.
    throw isUniqueViolation(cause) ? new RingsideError("conflict", { message: CHANGED, cause }) : cause;
  }
}

async function applyIn(tx: Transaction, actor: Actor, of: LabOfCourse, id: string): Promise<number> {
  await tx.$queryRaw`SELECT 1 FROM "Regrade" WHERE "id" = ${id} FOR UPDATE`;
  const regrade = await tx.regrade.findUniqueOrThrow({ where: { id } });
  switch (regrade.state) {
    case "applied":
      return 0;
    case "running":
      throw new RingsideError("conflict", { message: "This regrade still runs: look at its changes first" });
    case "ready":
      break;
    default:
      regrade.state satisfies never;
  }
  if (regrade.graderVersion !== GRADER_VERSION) {
    throw new RingsideError("conflict", { message: NEWER });
  }
  // Overrides lock their submission: none is judged meanwhile.
  await tx.$queryRaw`
    SELECT 1 FROM "Submission" WHERE "courseId" = ${of.course} AND "lab" = ${of.lab} ORDER BY "id" FOR UPDATE`;
  if ((await basisOf(tx, of)).digest !== regrade.basis) {
    throw new RingsideError("conflict", { message: CHANGED });
  }
  const written = await tx.$executeRaw`
    INSERT INTO "Grade" ("submissionId", "version", "outcome", "points", "pointsMax", "rubricDigest", "traceDigest",
      "graderVersion", "result")
    SELECT r."submissionId", r."versionBefore" + 1, (j."value"->>'outcome')::"GradeOutcome",
      (j."value"->>'points')::float8, (j."value"->>'pointsMax')::float8, j."value"->>'rubricDigest',
      j."value"->>'traceDigest', j."value"->>'graderVersion', r."result"
    FROM "RegradeRow" r
    CROSS JOIN LATERAL (SELECT r."result"::jsonb AS "value") j
    LEFT JOIN "Grade" g ON g."submissionId" = r."submissionId" AND g."version" = r."versionBefore"
    WHERE r."regradeId" = ${id} AND r."result" IS NOT NULL AND g."result" IS DISTINCT FROM r."result"`;
  await tx.regrade.update({ where: { id }, data: { state: "applied", appliedAt: new Date() } });
  await putAudit(tx, {
    ...{ actorId: actor.id, action: "grade.regrade_apply", subject: of.course, requestId: actor.requestId },
    details: { regrade: id, lab: of.lab, rubric: regrade.rubricDigest, grades: written },
  });
  return written;
}
