import { RingsideError, sessionIsFinal, sessionMayGo } from "@ringside/shared";
import { type Deed, putAudit } from "../audit/audit.ts";
import type { Database, Transaction } from "../database/database.ts";
import { QUEUE_WAIT_MS_MAX } from "../limits.ts";
import { putStopJob } from "../outbox/outbox.ts";
import { putSessionStart } from "./start.ts";
import { endSession } from "./transitions.ts";
import { type SessionRow, sessionInclude } from "./view.ts";

/** What a person asks of a session that exists. */
export interface SessionRequest {
  readonly id: string;
  readonly user: string;
  /** null: it was not asked for over HTTP. */
  readonly requestId: string | null;
}

export interface Restart {
  /** Whether the runner of the session's cell is there to take the job: it has the machine's slot and saved states. */
  readonly cellIsThere: boolean;
  /** The checkpoint to go back to; null: a fresh machine. */
  readonly checkpoint: string | null;
}

/**
 * Gives the session another machine under the next epoch: the machine of the epoch before is void from then on. A
 * cell that is there replaces it by itself; otherwise any cell may take the job, and the old one is told to clear up.
 * @throws RingsideError session_ended, or session_not_ready while no machine was started yet; cell_unreachable where
 * a checkpoint's cell is away
 */
export async function restartSession(
  database: Database,
  request: SessionRequest,
  restart: Restart,
): Promise<SessionRow> {
  return database.$transaction((tx) => restartIn(tx, request, restart));
}

/** As restartSession(), in a transaction of the caller's. */
export async function restartIn(tx: Transaction, request: SessionRequest, restart: Restart): Promise<SessionRow> {
  const session = await lockSession(tx, request.id);
  if (sessionIsFinal(session.state)) {
    throw new RingsideError("session_ended");
  }
  if (!sessionMayGo(session.state, "queued") || session.state === "requested") {
    throw new RingsideError("session_not_ready");
  }
  const startCell = restart.cellIsThere ? session.cell : null;
  if (restart.checkpoint !== null && startCell === null) {
    throw new RingsideError("cell_unreachable");
  }
  const next = await tx.session.update({
    where: { id: session.id },
    data: {
      state: "queued",
      epoch: session.epoch + 1,
      how: null,
      startMs: null,
      presenceAtMs: 0,
      debuggers: 0,
      machineAtMs: 0,
      hibernatedBytes: null,
      startCell,
      startState: restart.checkpoint,
      notAfter: new Date(Date.now() + QUEUE_WAIT_MS_MAX),
    },
    include: sessionInclude,
  });
  if (session.cell !== null && startCell === null) {
    await putStopJob(tx, session.cell, session.id, session.epoch, "stopped");
  }
  await putSessionStart(tx, next);
  const details = { epoch: next.epoch, ...(restart.checkpoint === null ? {} : { checkpoint: restart.checkpoint }) };
  await audit(tx, request, restart.checkpoint === null ? "session.reset" : "session.restore", details);
  return next;
}

/** Ends the session and its machine. A session that has ended stays as it is. */
export async function stopSession(
  database: Database,
  request: SessionRequest & { readonly reason: "stopped" | "operator" },
): Promise<SessionRow> {
  return database.$transaction(async (tx) => {
    const session = await lockSession(tx, request.id);
    const { id, epoch, cell } = session;
    if (await endSession(tx, { id, epoch, cell, outcome: { state: "ended", reason: request.reason } })) {
      await audit(tx, request, "session.stop", { epoch });
    }
    return tx.session.findUniqueOrThrow({ where: { id }, include: sessionInclude });
  });
}

async function audit(
  tx: Transaction,
  { id, user, requestId }: SessionRequest,
  action: Deed["action"],
  details: Deed["details"],
): Promise<void> {
  await putAudit(tx, { actorId: user, action, subject: id, requestId, details });
}

/** The session's row, which nobody else changes until the transaction ends. */
async function lockSession(tx: Transaction, id: string): Promise<SessionRow> {
  await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${id} FOR UPDATE`;
  return tx.session.findUniqueOrThrow({ where: { id }, include: sessionInclude });
}
