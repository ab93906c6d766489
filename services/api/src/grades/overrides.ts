import { type Override, type OverrideList, overrideSchema, RingsideError } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { Actor } from "../courses/courses.ts";
import type { Database, Transaction } from "../database/database.ts";
import { OVERRIDE_HISTORY_MAX } from "../limits.ts";
import { overridesOf, resultOf, type SubmissionRow, submissionBody, submissionInclude } from "../submissions/view.ts";

/**
 * Instructors' judgements of single checks. The grader's verdicts are never changed: whoever reads a grade puts the
 * judgements in their places. What was set and removed stands in the audit.
 */
const SET = "grade.override";
const REMOVE = "grade.override_remove";

/** @throws RingsideError conflict where there is no grade yet or no such check, bad_request for too many points */
export async function setOverride(
  database: Database,
  actor: Actor,
  submission: string,
  { check, points, reason }: Pick<Override, "check" | "points" | "reason">,
): Promise<SubmissionRow> {
  return database.$transaction(async (tx) => {
    const row = await lockSubmission(tx, submission);
    requireFit(row, check, points);
    const values = { points, reason, authorId: actor.id, at: new Date() };
    await tx.override.upsert({
      where: { submissionId_check: { submissionId: submission, check } },
      create: { submissionId: submission, check, ...values },
      update: values,
    });
    await note(tx, actor, SET, submission, { check, points, reason });
    return reload(tx, submission);
  });
}

/** One that fits no check any more can be removed, too. @throws RingsideError not_found */
export async function removeOverride(
  database: Database,
  actor: Actor,
  submission: string,
  check: string,
): Promise<SubmissionRow> {
  return database.$transaction(async (tx) => {
    const row = await lockSubmission(tx, submission);
    const standing = row.overrides.find((override) => override.check === check);
    if (standing === undefined) {
      throw new RingsideError("not_found", { message: `Nobody has judged the check ${check} of this submission` });
    }
    const { points, reason } = standing;
    await tx.override.delete({ where: { submissionId_check: { submissionId: submission, check } } });
    await note(tx, actor, REMOVE, submission, { check, points, reason });
    return reload(tx, submission);
  });
}

/** What stands, what of it fits no check now, and what was ever done. */
export async function overrideList(database: Database, row: SubmissionRow): Promise<OverrideList> {
  const rows = await database.auditRow.findMany({
    where: { subject: row.id, action: { in: [SET, REMOVE] } },
    orderBy: { id: "desc" },
    take: OVERRIDE_HISTORY_MAX,
  });
  const actors = await database.user.findMany({
    where: { id: { in: rows.flatMap(({ actorId }) => actorId ?? []) } },
    select: { id: true, name: true },
  });
  const names = new Map(actors.map(({ id, name }) => [id, name]));
  return {
    overrides: [...overridesOf(row)],
    unused: submissionBody(row).grade?.overridesUnused ?? [],
    history: rows.map(({ at, actorId, action, details }) => ({
      at: at.toISOString(),
      author: actorId ?? "",
      authorName: names.get(actorId ?? "") ?? "",
      did: action === SET ? "set" : "remove",
      ...judgementSchema.parse(details),
    })),
  };
}

const judgementSchema = overrideSchema.pick({ check: true, points: true, reason: true });

/** Against a regrade that is applied at the same moment. */
async function lockSubmission(tx: Transaction, id: string): Promise<SubmissionRow> {
  await tx.$queryRaw`SELECT 1 FROM "Submission" WHERE "id" = ${id} FOR UPDATE`;
  return reload(tx, id);
}

async function reload(tx: Transaction, id: string): Promise<SubmissionRow> {
  return tx.submission.findUniqueOrThrow({ where: { id }, include: submissionInclude });
}

function requireFit(row: SubmissionRow, check: string, points: number): void {
  const [grade] = row.grades;
  if (grade === undefined) {
    throw new RingsideError("conflict", { message: "This submission is not graded yet: there is nothing to judge" });
  }
  const { verdicts, outcome } = resultOf(grade);
  if (outcome === "ungradable") {
    throw new RingsideError("conflict", { message: "This submission cannot be graded: it has no checks to judge" });
  }
  const verdict = verdicts.find((each) => each.check === check);
  if (verdict === undefined) {
    const checks = verdicts.map((each) => each.check);
    throw new RingsideError("conflict", {
      message: `The grade has no check ${check}; it has ${checks.join(", ")}`,
      details: { checks },
    });
  }
  if (points > verdict.pointsMax) {
    throw new RingsideError("bad_request", {
      message: `The check ${check} is worth ${verdict.pointsMax} points: ${points} are too many`,
      details: { pointsMax: verdict.pointsMax },
    });
  }
}

async function note(
  tx: Transaction,
  actor: Actor,
  action: typeof SET | typeof REMOVE,
  subject: string,
  details: Pick<Override, "check" | "points" | "reason">,
): Promise<void> {
  await putAudit(tx, { actorId: actor.id, action, subject, requestId: actor.requestId, details });
}
