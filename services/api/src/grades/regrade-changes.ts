import { compareGrades, withOverrides } from "@ringside/grading";
import type { GradeChange, GradeResult, regradeChangesSchema } from "@ringside/shared";
import type { z } from "zod";
import type { Database } from "../database/database.ts";
import type { Prisma } from "../generated/client.ts";
import { overridesInclude, overridesOf, resultOf } from "../submissions/view.ts";
import { gradeBefore } from "./regrade-job.ts";

const rowInclude = {
  submission: { include: { user: true, overrides: overridesInclude } },
} as const satisfies Prisma.RegradeRowInclude;
type Row = Prisma.RegradeRowGetPayload<{ include: typeof rowInclude }>;

/** One page of what a regrade changes: submissions with another grade, and those that could not be graded. */
export async function regradeChanges(
  database: Database,
  regradeId: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<z.infer<typeof regradeChangesSchema>> {
  const rows = await database.regradeRow.findMany({
    where: {
      regradeId,
      OR: [{ changed: true }, { problem: { not: null } }],
      ...(after !== undefined && { submissionId: { gt: after } }),
    },
    include: rowInclude,
    orderBy: { submissionId: "asc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  const changes: GradeChange[] = [];
  for (const row of page) {
    changes.push(changeOf(row, await gradeBefore(database, row)));
  }
  return { changes, next: rows.length > limit ? (page.at(-1)?.submissionId ?? null) : null };
}

function changeOf({ submission, result, problem }: Row, old: { readonly result: string } | null): GradeChange {
  const { id, user, createdAt } = submission;
  const overrides = overridesOf(submission);
  const before = old === null ? null : withOverrides(resultOf(old), overrides).result;
  const after = result === null ? null : withOverrides(resultOf({ result }), overrides);
  return {
    ...{ submission: id, user: user.id, name: user.name, studentNumber: user.studentNumber },
    submittedAt: createdAt.toISOString(),
    before: totals(before),
    after: totals(after?.result ?? null),
    problem,
    checks: after === null ? [] : [...compareGrades(before, after.result).checks],
    unused: [...(after?.unused ?? [])],
  };
}

function totals(result: GradeResult | null): GradeChange["before"] {
  if (result === null) {
    return null;
  }
  const { outcome, ungradable, points, pointsMax } = result;
  return { outcome, ungradable, points, pointsMax };
}
