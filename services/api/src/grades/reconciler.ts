import { GRADE_QUEUE, gradeJobId } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import { repeat } from "../deadline.ts";
import { GRADE_LATE_MS, RECONCILE_MS, RECONCILE_ROWS_MAX } from "../limits.ts";
import { putGradeJob } from "../outbox/outbox.ts";
import type { JobQueues } from "../queues/job-queues.ts";

/**
 * Makes sure that every submission gets its grade: one without a grade whose job Redis does not know any more is
 * queued again. A job that failed for good is tried once more by each new process: a new version may mend it.
 */
export interface GradeReconcilerOptions {
  readonly database: Database;
  readonly queues: JobQueues;
  readonly onError: (error: unknown) => void;
}

const VERSION = 1;

export class GradeReconciler implements AsyncDisposable {
  readonly #options: GradeReconcilerOptions;
  readonly #triedAgain = new Set<string>();
  readonly #passes: AsyncDisposable;

  constructor(options: GradeReconcilerOptions) {
    this.#options = options;
    this.#passes = repeat(RECONCILE_MS, () => this.#pass(), options.onError);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#passes[Symbol.asyncDispose]();
  }

  async #pass(): Promise<void> {
    const { database, queues } = this.#options;
    const late = await database.submission.findMany({
      where: { grades: { none: {} }, createdAt: { lt: new Date(Date.now() - GRADE_LATE_MS) } },
      select: { id: true },
      orderBy: { createdAt: "asc" },
      take: RECONCILE_ROWS_MAX,
    });
    for (const { id } of late) {
      const jobId = gradeJobId({ submission: id, version: VERSION });
      const presence = await queues.presence(GRADE_QUEUE, jobId);
      const isOver = presence === "failed" || presence === "completed";
      if (isOver && !this.#triedAgain.has(id)) {
        this.#triedAgain.add(id);
        await queues.remove(GRADE_QUEUE, jobId);
        await this.#send(id, jobId);
      } else if (presence === "missing" || presence === "unknown") {
        await this.#send(id, jobId);
      }
    }
  }

  async #send(id: string, jobId: string): Promise<void> {
    await this.#options.database.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM "Submission" WHERE "id" = ${id} FOR UPDATE`;
      if ((await tx.outboxRow.findFirst({ where: { jobId } })) === null) {
        await putGradeJob(tx, id, VERSION);
      }
    });
  }
}
