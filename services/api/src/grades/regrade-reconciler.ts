import { REGRADE_QUEUE, regradeJobId } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import { repeat } from "../deadline.ts";
import { GRADE_LATE_MS, RECONCILE_MS, RECONCILE_ROWS_MAX } from "../limits.ts";
import { putRegradeJob } from "../outbox/outbox.ts";
import type { JobQueues } from "../queues/job-queues.ts";

/** Makes sure that every regrade comes to its end: one that runs and whose job is over or lost is queued again. */
export interface RegradeReconcilerOptions {
  readonly database: Database;
  readonly queues: JobQueues;
  readonly onError: (error: unknown) => void;
}

/** @returns what ends it */
export function reconcileRegrades(options: RegradeReconcilerOptions): AsyncDisposable {
  return repeat(RECONCILE_MS, () => pass(options), options.onError);
}

async function pass({ database, queues }: RegradeReconcilerOptions): Promise<void> {
  const running = await database.regrade.findMany({
    where: { state: "running", createdAt: { lt: new Date(Date.now() - GRADE_LATE_MS) } },
    select: { id: true },
    orderBy: { createdAt: "asc" },
    take: RECONCILE_ROWS_MAX,
  });
  for (const { id } of running) {
    const jobId = regradeJobId({ regrade: id });
    const presence = await queues.presence(REGRADE_QUEUE, jobId);
    if (presence === "failed" || presence === "completed") {
      await queues.remove(REGRADE_QUEUE, jobId);
    } else if (presence !== "missing" && presence !== "unknown") {
      continue;
    }
    await database.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM "Regrade" WHERE "id" = ${id} FOR UPDATE`;
      if ((await tx.outboxRow.findFirst({ where: { jobId } })) === null) {
        await putRegradeJob(tx, id);
      }
    });
  }
}
