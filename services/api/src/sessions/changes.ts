import { RingsideError, sessionIsFinal, sessionMayGo } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
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
  readonly requestId: string;
}

/**
 * Gives the session a fresh machine under the next epoch: the machine of the epoch before is void from then on.
 * @throws RingsideError session_ended, or session_not_ready while no machine was started yet
 */
export async function resetSession(database: Database, request: SessionRequest): Promise<SessionRow> {
  return database.$transaction(async (tx) => {
    const session = await lockSession(tx, request.id);
    if (sessionIsFinal(session.state)) {
      throw new RingsideError("session_ended");
    }
    if (!sessionMayGo(session.state, "queued") || session.state === "requested") {
      throw new RingsideError("session_not_ready");
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
        notAfter: new Date(Date.now() + QUEUE_WAIT_MS_MAX),
      },
      include: sessionInclude,
    });
    if (session.cell !== null) {
      await putStopJob(tx, session.cell, session.id, session.epoch, "stopped");
    }
    await putSessionStart(tx, next);
    await putAudit(tx, {
      actorId: request.user,
      action: "session.reset",
      subject: session.id,
      requestId: request.requestId,
      details: { epoch: next.epoch },
    });
    return next;
  });
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
      await putAudit(tx, {
        actorId: request.user,
        action: "session.stop",
        subject: id,
        requestId: request.requestId,
        details: { epoch },
      });
    }
    return tx.session.findUniqueOrThrow({ where: { id }, include: sessionInclude });
  });
}

/** The session's row, which nobody else changes until the transaction ends. */
async function lockSession(tx: Transaction, id: string): Promise<SessionRow> {
  await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${id} FOR UPDATE`;
  return tx.session.findUniqueOrThrow({ where: { id }, include: sessionInclude });
}
