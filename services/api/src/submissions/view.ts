import { type Grade, gradeResultSchema, type Submission } from "@ringside/shared";
import type { Prisma } from "../generated/client.ts";

/** With the latest grade alone. */
export const submissionInclude = {
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
    grade: grade === undefined ? null : gradeBody(grade),
  };
}

function gradeBody(row: SubmissionRow["grades"][number]): Grade {
  return {
    ...gradeResultSchema.parse(JSON.parse(row.result)),
    submission: row.submissionId,
    version: row.version,
    createdAt: row.createdAt.toISOString(),
  };
}
