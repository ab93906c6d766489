import { withOverrides } from "@ringside/grading";
import { type Grade, type GradeResult, gradeResultSchema, type Override, type Submission } from "@ringside/shared";
import type { Prisma } from "../generated/client.ts";

/** Instructors' judgements, with their names. */
export const overridesInclude = {
  orderBy: { check: "asc" },
  include: { author: { select: { name: true } } },
} as const satisfies Prisma.Submission$overridesArgs;

/** With the latest grade alone. */
export const submissionInclude = {
  overrides: overridesInclude,
  recordings: { orderBy: { epoch: "asc" } },
  grades: { orderBy: { version: "desc" }, take: 1 },
} as const satisfies Prisma.SubmissionInclude;
export type SubmissionRow = Prisma.SubmissionGetPayload<{ include: typeof submissionInclude }>;

/** A submission as the api shows it. */
export function submissionBody(row: SubmissionRow): Submission {
  const [grade] = row.grades;
  return {
    id: row.id,
    session: row.sessionId,
    user: row.userId,
    course: row.courseId,
    lab: row.lab,
    traceDigest: row.traceDigest,
    traceEvents: row.traceEvents,
    traceBytes: row.traceBytes,
    createdAt: row.createdAt.toISOString(),
    recordings: row.recordings.map(({ submissionId: _, ...recording }) => recording),
    grade: grade === undefined ? null : gradeBody(grade, overridesOf(row)),
  };
}

function gradeBody(row: SubmissionRow["grades"][number], overrides: readonly Override[]): Grade {
  const { result, unused } = withOverrides(resultOf(row), overrides);
  return {
    ...result,
    submission: row.submissionId,
    version: row.version,
    createdAt: row.createdAt.toISOString(),
    ...(unused.length > 0 && { overridesUnused: [...unused] }),
  };
}

/** The grader's own verdicts, as they were written down. */
export function resultOf({ result }: { readonly result: string }): GradeResult {
  return gradeResultSchema.parse(JSON.parse(result));
}

/** What instructors judged of a submission. */
export function overridesOf({ overrides }: Pick<SubmissionRow, "overrides">): readonly Override[] {
  return overrides.map(({ check, points, reason, authorId, author, at }) => ({
    ...{ check, points, reason, author: authorId, authorName: author.name },
    at: at.toISOString(),
  }));
}
