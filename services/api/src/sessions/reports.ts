import { type FailReason, type Report, type SessionState, sessionIsFinal } from "@ringside/shared";
import type { Database, Transaction } from "../database/database.ts";
import type { Session } from "../generated/client.ts";
import { putOrphanStopJob } from "../outbox/outbox.ts";
import { endSession, moveSession } from "./transitions.ts";

/**
 * What a cell's report does to a session. Reports come at least once, late, and in any order:
 *
 *   of an older epoch, or for a session that has ended   the machine is an orphan: its cell is told to end it
 *   starting, ready                                      go forward only, never back
 *   presence                                             counts if it is newer than the last by the cell's clock;
 *                                                        one that overtakes `ready` is kept until then
 *   ended, failed                                        the first one decides
 */
export async function applyReport(database: Database, report: Report): Promise<void> {
  await database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${report.session} FOR UPDATE`;
    const session = await tx.session.findUnique({ where: { id: report.session } });
    if (session === null || sessionIsFinal(session.state) || report.epoch < session.epoch) {
      await endOrphan(tx, report);
    } else if (report.epoch === session.epoch) {
      await applyCurrent(tx, session, report);
    }
    // A newer epoch than ours was never given out.
  });
}

async function endOrphan(tx: Transaction, report: Report): Promise<void> {
  if (report.kind === "starting" || report.kind === "ready") {
    await putOrphanStopJob(tx, report);
  }
}

async function applyCurrent(tx: Transaction, session: Session, report: Report): Promise<void> {
  const { id, epoch } = session;
  switch (report.kind) {
    case "starting":
      await leaveRequested(tx, session);
      await moveSession(tx, { id, epoch, to: "starting", from: ["queued"], data: { cell: report.cell } });
      return;
    case "ready":
      await leaveRequested(tx, session);
      await becomeReady(tx, session, report);
      return;
    case "presence":
      await notePresence(tx, session, report);
      return;
    case "ended":
      await leaveWith(tx, session, report.cell, { state: "ended", reason: report.reason });
      return;
    case "failed":
      await leaveWith(tx, session, report.cell, failed(report.reason, report.detail));
      return;
    default:
      report satisfies never;
  }
}

const failed = (reason: FailReason, detail: string) => ({ state: "failed", reason, detail }) as const;

/** A cell can only report on a job that it took from the queue, though the dispatcher may not have said so yet. */
async function leaveRequested(tx: Transaction, session: Session): Promise<void> {
  if (session.state === "requested") {
    await moveSession(tx, { id: session.id, epoch: session.epoch, to: "queued", from: ["requested"] });
  }
}

type ReportOf<K extends Report["kind"]> = Extract<Report, { kind: K }>;

async function becomeReady(tx: Transaction, session: Session, report: ReportOf<"ready">): Promise<void> {
  const { id, epoch } = session;
  const now = Date.now();
  // A student's time begins with their first machine; a reset does not lengthen it.
  const first = session.readyAt === null;
  const moved = await moveSession(tx, {
    id,
    epoch,
    to: "ready",
    from: ["queued", "starting"],
    data: {
      cell: report.cell,
      how: report.how,
      startMs: report.startMs,
      ...(first ? { readyAt: new Date(now), endsAt: new Date(now + session.sessionMinutes * 60_000) } : {}),
    },
  });
  if (moved && session.debuggers > 0) {
    await moveSession(tx, { id, epoch, to: "attached", from: ["ready"] });
  }
}

async function notePresence(tx: Transaction, session: Session, report: ReportOf<"presence">): Promise<void> {
  if (BigInt(report.atMs) <= session.presenceAtMs) {
    return;
  }
  const { id, epoch } = session;
  await tx.session.updateMany({
    where: { id, epoch },
    data: { presenceAtMs: report.atMs, debuggers: report.debuggers },
  });
  const [from, to]: [SessionState, SessionState] = report.debuggers > 0 ? ["ready", "attached"] : ["attached", "ready"];
  await moveSession(tx, { id, epoch, to, from: [from] });
}

async function leaveWith(
  tx: Transaction,
  session: Session,
  cell: string,
  outcome: Parameters<typeof endSession>[1]["outcome"],
): Promise<void> {
  // The cell that reports an end has no machine left. It is noted all the same: the recording is there.
  await tx.session.updateMany({ where: { id: session.id, epoch: session.epoch }, data: { cell } });
  await endSession(tx, { id: session.id, epoch: session.epoch, outcome, cell: null });
}
