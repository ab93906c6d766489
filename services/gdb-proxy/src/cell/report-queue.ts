import { JOB_KEEP_COUNT_MAX, JOB_KEEP_SECONDS, type Report, RingsideError } from "@ringside/shared";
import { REDIS_COMMAND_MS } from "../limits.ts";

/** The part of a BullMQ queue that is used. */
export interface ReportQueue {
  add(
    name: string,
    report: Report,
    options: {
      readonly removeOnComplete: { age: number; count: number };
      readonly removeOnFail: { age: number; count: number };
    },
  ): Promise<unknown>;
}

/** Adds a report. While Redis is away a queue may wait for it for ever. @throws RingsideError store_unavailable */
export async function addReport(queue: ReportQueue, report: Report): Promise<void> {
  const kept = { age: JOB_KEEP_SECONDS, count: JOB_KEEP_COUNT_MAX };
  const added = queue.add(report.kind, report, { removeOnComplete: kept, removeOnFail: kept });
  const overdue = AbortSignal.timeout(REDIS_COMMAND_MS);
  await new Promise<void>((resolve, reject) => {
    overdue.addEventListener("abort", () => reject(new RingsideError("store_unavailable")), { once: true });
    added.then(() => resolve(), reject);
  });
}
