import { createHash } from "node:crypto";
import { GRADER_VERSION } from "@ringside/grading";
import { newId, type Regrade, RingsideError } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { Actor } from "../courses/courses.ts";
import type { Database, Transaction } from "../database/database.ts";
import type { Prisma } from "../generated/client.ts";
import { REGRADE_SUBMISSIONS_MAX, REGRADES_KEPT_MAX } from "../limits.ts";
import { putRegradeJob } from "../outbox/outbox.ts";
import type { RubricFile } from "./rubric.ts";

/**
 * Regrades: all submissions of a lab graded anew with one rubric. Making one writes down which grades it is compared
 * with (`basis`) and a row for each submission; a job fills the rows (regrade-job.ts); applying it makes them grades
 * (regrade-apply.ts), and is refused when grades, overrides, submissions or the grader are others by then.
 */
const regradeInclude = { author: { select: { name: true } } } as const satisfies Prisma.RegradeInclude;
export type RegradeRecord = Prisma.RegradeGetPayload<{ include: typeof regradeInclude }>;

export interface LabOfCourse {
  readonly course: string;
  readonly lab: string;
}

/**
 * Begins a regrade. One with the same rubric that runs already is the answer to this request, too.
 * @throws RingsideError conflict where another runs, or where there are too many submissions
 */
export async function createRegrade(
  database: Database,
  actor: Actor,
  of: LabOfCourse,
  rubric: Pick<RubricFile, "file" | "text" | "digest">,
): Promise<RegradeRecord> {
  return database.$transaction(async (tx) => {
    await lockLab(tx, of);
    const running = await tx.regrade.findFirst({ where: { ...where(of), state: "running" }, include: regradeInclude });
    if (running !== null) {
      return sameRegrade(running, rubric.digest);
    }
    const basis = await basisOf(tx, of);
    if (basis.submissions > REGRADE_SUBMISSIONS_MAX) {
      throw new RingsideError("conflict", {
        message: `The lab has ${basis.submissions} submissions; ${REGRADE_SUBMISSIONS_MAX} can be graded anew at once`,
      });
    }
    await forgetOldest(tx, of);
    const id = newId("rgr");
    const regrade = await tx.regrade.create({
      data: {
        ...{ id, ...where(of), authorId: actor.id, graderVersion: GRADER_VERSION, basis: basis.digest },
        ...{ rubricFile: rubric.file, rubricText: rubric.text, rubricDigest: rubric.digest },
      },
      include: regradeInclude,
    });
    await tx.$executeRaw`
      INSERT INTO "RegradeRow" ("regradeId", "submissionId", "versionBefore")
      SELECT ${id}, s."id", coalesce((SELECT max(g."version") FROM "Grade" g WHERE g."submissionId" = s."id"), 0)
      FROM "Submission" s WHERE s."courseId" = ${of.course} AND s."lab" = ${of.lab}`;
    await putRegradeJob(tx, id);
    const details = { regrade: id, lab: of.lab, rubric: rubric.digest, submissions: basis.submissions };
    await putAudit(tx, {
      ...{ actorId: actor.id, action: "grade.regrade", subject: of.course, requestId: actor.requestId },
      details,
    });
    return regrade;
  });
}

function sameRegrade(running: RegradeRecord, digest: string): RegradeRecord {
  if (running.rubricDigest === digest && running.graderVersion === GRADER_VERSION) {
    return running;
  }
  throw new RingsideError("conflict", {
    message: `This lab is being graded anew already (${running.id}): wait until that is done`,
    details: { regrade: running.id },
  });
}

const where = ({ course, lab }: LabOfCourse) => ({ courseId: course, lab });

/** @throws RingsideError not_found for one of another lab or course, too */
export async function needRegrade(database: Database, of: LabOfCourse, id: string): Promise<RegradeRecord> {
  const row = await database.regrade.findFirst({ where: { ...where(of), id }, include: regradeInclude });
  if (row === null) {
    throw new RingsideError("not_found");
  }
  return row;
}

/** The newest first. */
export async function listRegrades(database: Database, of: LabOfCourse): Promise<readonly RegradeRecord[]> {
  return database.regrade.findMany({
    where: where(of),
    include: regradeInclude,
    orderBy: { createdAt: "desc" },
    take: REGRADES_KEPT_MAX,
  });
}

/** One regrade of a lab is made or applied at a time. */
async function lockLab(tx: Transaction, { course, lab }: LabOfCourse): Promise<void> {
  await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`regrade ${course}/${lab}`}, 0))::text`;
}

/** What a regrade is compared with: each submission's latest grade and what instructors judged of it. */
export async function basisOf(
  tx: Transaction,
  { course, lab }: LabOfCourse,
): Promise<{ readonly digest: string; readonly submissions: number }> {
  const rows = await tx.$queryRaw<{ line: string }[]>`
    SELECT s."id" || ' ' ||
      coalesce((SELECT max(g."version") FROM "Grade" g WHERE g."submissionId" = s."id"), 0) || ' ' ||
      coalesce((SELECT string_agg(o."check" || '=' || o."points" || '@' || extract(epoch FROM o."at"), ' ' ORDER BY o."check")
                FROM "Override" o WHERE o."submissionId" = s."id"), '') AS line
    FROM "Submission" s WHERE s."courseId" = ${course} AND s."lab" = ${lab} ORDER BY s."id"`;
  const hash = createHash("sha256");
  for (const { line } of rows) {
    hash.update(`${line}\n`);
  }
  return { digest: hash.digest("hex"), submissions: rows.length };
}

async function forgetOldest(tx: Transaction, of: LabOfCourse): Promise<void> {
  const old = await tx.regrade.findMany({
    where: where(of),
    orderBy: { createdAt: "desc" },
    skip: REGRADES_KEPT_MAX - 1,
    select: { id: true },
  });
  await tx.regrade.deleteMany({ where: { id: { in: old.map(({ id }) => id) } } });
}

interface Counts {
  readonly submissions: number;
  readonly done: number;
  readonly changed: number;
  readonly problems: number;
}

/** A regrade as the api shows it. @param labsDigest of the lab folder's rubric; null where it has none that is valid */
export async function regradeBody(database: Database, row: RegradeRecord, labsDigest: string | null): Promise<Regrade> {
  const [counts] = await database.$queryRaw<Counts[]>`
    SELECT count(*)::int AS "submissions",
      (count(*) FILTER (WHERE r."result" IS NOT NULL OR r."problem" IS NOT NULL))::int AS "done",
      (count(*) FILTER (WHERE r."changed"))::int AS "changed",
      count(r."problem")::int AS "problems"
    FROM "RegradeRow" r WHERE r."regradeId" = ${row.id}`;
  return {
    ...{ id: row.id, course: row.courseId, lab: row.lab, author: row.authorId, authorName: row.author.name },
    ...{ state: row.state, rubricDigest: row.rubricDigest, rubricIsTheLabs: row.rubricDigest === labsDigest },
    graderVersion: row.graderVersion,
    ...(counts ?? { submissions: 0, done: 0, changed: 0, problems: 0 }),
    createdAt: row.createdAt.toISOString(),
    readyAt: row.readyAt?.toISOString() ?? null,
    appliedAt: row.appliedAt?.toISOString() ?? null,
  };
}
