import { type FailReason, type Report, RingsideError, type SessionState, sessionIsFinal } from "@ringside/shared";
import type { Database, Transaction } from "../database/database.ts";
import type { Session } from "../generated/client.ts";
import { putOrphanStopJob } from "../outbox/outbox.ts";
import { restartIn } from "./changes.ts";
import { endSession, moveSession } from "./transitions.ts";
import { applyUsual } from "./usual-report.ts";

export type Applied = "no job" | "may have left a job";

/**
 * What a cell's report does to a session. Reports come at least once, late, and in any order:
 *
 *   of an older epoch, or for a session that has ended   the machine is an orphan: its cell is told to end it, unless
 *                                                        the same cell has the job that replaces it
 *   starting                                             goes forward only, never back
 *   ready, hibernated                                    count if they are newer than the last of the two by the
 *                                                        cell's clock: a machine may sleep and wake many times
 *   presence                                             counts if it is newer than the last by the cell's clock;
 *                                                        one that overtakes `ready` is kept until then
 *   reset_wanted                                         does what the session's reset does; what is of an older epoch
 *                                                        has been done
 *   ended, failed                                        the first one decides
 *
 * @returns whether a job may have been left in the outbox
 */
export async function applyReport(database: Database, report: Report): Promise<Applied> {
  if (await applyUsual(database.sql, report)) {
    return "no job";
  }
  await database.$transaction(async (tx) => {
    const [session] = await tx.$queryRaw<Locked[]>`
      SELECT "id", "epoch", "state"::text, "readyAt", "sessionMinutes", "debuggers", "presenceAtMs", "machineAtMs",
        "how"::text, "startCell" FROM "Session" WHERE "id" = ${report.session} FOR UPDATE`;
    if (session === undefined || sessionIsFinal(session.state)) {
      await endOrphan(tx, report);
    } else if (report.epoch < session.epoch) {
      // A stop could overtake the job, and take the saved state along from which that starts.
      if (session.startCell !== report.cell) {
        await endOrphan(tx, report);
      }
    } else if (report.epoch === session.epoch) {
      await applyCurrent(tx, session, report);
    }
    // A newer epoch than ours was never given out.
  });
  return "may have left a job";
}

type Locked = Pick<
  Session,
  | "id"
  | "epoch"
  | "state"
  | "readyAt"
  | "sessionMinutes"
  | "debuggers"
  | "presenceAtMs"
  | "machineAtMs"
  | "how"
  | "startCell"
>;

async function endOrphan(tx: Transaction, report: Report): Promise<void> {
  // What hibernates is no process any more, but it is a saved state that nobody will ask for.
  if (report.kind === "starting" || report.kind === "ready" || report.kind === "hibernated") {
    await putOrphanStopJob(tx, report);
  }
}

async function applyCurrent(tx: Transaction, session: Locked, report: Report): Promise<void> {
  const { id, epoch } = session;
  switch (report.kind) {
    case "starting":
      await leaveRequested(tx, session);
      await moveSession(tx, { id, epoch, to: "starting", from: ["queued"], data: { cell: report.cell } });
      return;
    case "ready":
      await becomeReady(tx, session, report);
      return;
    case "hibernated":
      await becomeHibernated(tx, session, report);
      return;
    case "presence":
      await notePresence(tx, session, report);
      return;
    case "reset_wanted":
      await resetFor(tx, report);
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
async function leaveRequested(tx: Transaction, session: Locked): Promise<void> {
  if (session.state === "requested") {
    await moveSession(tx, { id: session.id, epoch: session.epoch, to: "queued", from: ["requested"] });
  }
}

type ReportOf<K extends Report["kind"]> = Extract<Report, { kind: K }>;

/** Its first machine, a machine after a reset, or one that woke. */
async function becomeReady(tx: Transaction, session: Locked, report: ReportOf<"ready">): Promise<void> {
  const { id, epoch } = session;
  if (BigInt(report.atMs) <= session.machineAtMs) {
    await noteWay(tx, session, report);
    return;
  }
  await leaveRequested(tx, session);
  const data = { machineAtMs: report.atMs, hibernatedBytes: null, cell: report.cell, ...firstReady(session) };
  // How a machine woke says nothing about how the session was started.
  const way = session.how === null ? { how: report.how, startMs: report.startMs } : {};
  const from = ["queued", "starting", "hibernated"] as const;
  if (!(await moveSession(tx, { id, epoch, to: "ready", from, data: { ...data, ...way } }))) {
    // Awake already, as far as we know: the report that it slept is on its way, and must not count when it comes.
    await tx.session.updateMany({ where: { id, epoch }, data: { machineAtMs: report.atMs } });
  } else if (session.debuggers > 0) {
    await moveSession(tx, { id, epoch, to: "attached", from: ["ready"] });
  }
}

/** Somebody who debugs the machine has asked for a fresh one. Where it is too late or too early for that, so be it. */
async function resetFor(tx: Transaction, { session: id, user }: ReportOf<"reset_wanted">): Promise<void> {
  try {
    // If the cell goes away meanwhile, the reconciler sends the job elsewhere.
    await restartIn(tx, { id, user, requestId: null }, { cellIsThere: true, checkpoint: null });
  } catch (error) {
    if (!(error instanceof RingsideError)) {
      throw error;
    }
  }
}

/** A student's time begins with their first machine; neither a reset nor a wake lengthens it. */
function firstReady({ readyAt, sessionMinutes }: Locked): { readyAt?: Date; endsAt?: Date } {
  const now = Date.now();
  return readyAt === null ? { readyAt: new Date(now), endsAt: new Date(now + sessionMinutes * 60_000) } : {};
}

/** `hibernated` has overtaken the `ready` of the start: what that says of the start is kept. */
async function noteWay(tx: Transaction, { id, epoch, how }: Locked, report: ReportOf<"ready">): Promise<void> {
  if (how === null) {
    await tx.session.updateMany({ where: { id, epoch }, data: { how: report.how, startMs: report.startMs } });
  }
}

async function becomeHibernated(tx: Transaction, session: Locked, report: ReportOf<"hibernated">): Promise<void> {
  const { id, epoch } = session;
  if (BigInt(report.atMs) <= session.machineAtMs) {
    return;
  }
  // A machine that sleeps was ready before, though that report may still be on its way.
  await leaveRequested(tx, session);
  await moveSession(tx, { id, epoch, to: "ready", from: ["queued", "starting"], data: firstReady(session) });
  const data = { machineAtMs: report.atMs, hibernatedBytes: report.bytes, cell: report.cell };
  if (!(await moveSession(tx, { id, epoch, to: "hibernated", from: ["ready", "attached"], data }))) {
    // Asleep already, as far as we know: that it woke in between must not count when it comes.
    await tx.session.updateMany({ where: { id, epoch, state: "hibernated" }, data });
  }
}

async function notePresence(tx: Transaction, session: Locked, report: ReportOf<"presence">): Promise<void> {
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
  session: Locked,
  cell: string,
  outcome: Parameters<typeof endSession>[1]["outcome"],
): Promise<void> {
  // The cell that reports an end has no machine left. It is noted all the same: the recording is there.
  await tx.session.updateMany({ where: { id: session.id, epoch: session.epoch }, data: { cell } });
  await endSession(tx, { id: session.id, epoch: session.epoch, outcome, cell: null });
}
