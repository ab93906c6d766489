import {
  type EndReason,
  type FailReason,
  SESSION_STATES,
  type SessionState,
  sessionIsFinal,
  sessionMayGo,
} from "@ringside/shared";
import type { Transaction } from "../database/database.ts";
import type { Prisma } from "../generated/client.ts";
import { DETAIL_CHARS_MAX } from "../limits.ts";
import { putStopJob } from "../outbox/outbox.ts";

/**
 * Changes a session's state. Each change is one UPDATE that names the epoch and the states it may leave
 * (SESSION_TRANSITIONS): what comes late, twice or from an older machine changes nothing. Those that a whole class
 * causes at once keep to the same rule in SQL: usual-report.ts, and `queued` in the outbox's dispatcher.
 */
export interface Move {
  readonly id: string;
  readonly epoch: number;
  readonly to: SessionState;
  /** Narrows the states that the table allows. */
  readonly from?: readonly SessionState[];
  readonly data?: Prisma.SessionUncheckedUpdateManyInput;
}

/** @returns false where the session is of another epoch or in a state that does not lead to `to`. */
export async function moveSession(tx: Transaction, move: Move): Promise<boolean> {
  const from = (move.from ?? SESSION_STATES).filter((state) => sessionMayGo(state, move.to));
  const { count } = await tx.session.updateMany({
    where: { id: move.id, epoch: move.epoch, state: { in: from } },
    data: { ...move.data, state: move.to },
  });
  return count === 1;
}

export interface SessionEnd {
  readonly id: string;
  readonly epoch: number;
  readonly outcome: { readonly state: "ended"; readonly reason: EndReason } | FailedOutcome;
  /** Where the machine is; its cell is told to end it. Null where no machine can be left. */
  readonly cell: string | null;
}

interface FailedOutcome {
  readonly state: "failed";
  readonly reason: FailReason;
  /** For the operator. */
  readonly detail: string;
}

/** Ends a session for good, unless that has happened already. @returns whether it was this call that did. */
export async function endSession(tx: Transaction, end: SessionEnd): Promise<boolean> {
  const { outcome } = end;
  const moved = await moveSession(tx, {
    id: end.id,
    epoch: end.epoch,
    to: outcome.state,
    data: {
      reason: outcome.reason,
      endedAt: new Date(),
      debuggers: 0,
      hibernatedBytes: null,
      ...(outcome.state === "failed" ? { detail: outcome.detail.slice(0, DETAIL_CHARS_MAX) } : {}),
    },
  });
  if (moved && end.cell !== null) {
    await putStopJob(tx, end.cell, end.id, end.epoch, outcome.state === "ended" ? outcome.reason : "operator");
  }
  return moved;
}

/** States before the end. */
export const SESSION_STATES_OPEN = SESSION_STATES.filter((state) => !sessionIsFinal(state));
/** States in which a session has, or waits for, a machine. */
export const SESSION_STATES_LIVE = SESSION_STATES_OPEN.filter((state) => state !== "hibernated");
