import { type EndReason, FAIL_REASONS, type FailReason, type Parameters, type Session } from "@ringside/shared";
import type { Prisma, Session as SessionModel } from "../generated/client.ts";

export const sessionInclude = { submission: { select: { id: true } } } as const satisfies Prisma.SessionInclude;

/** A session with what its body shows: by Prisma (`sessionInclude`), or by SQL (session-row.ts). */
export interface SessionRow extends Omit<SessionModel, "presenceAtMs" | "machineAtMs" | "hints"> {
  readonly submission: { readonly id: string } | null;
}

const END_MESSAGES: Record<EndReason, string> = {
  stopped: "The session was stopped.",
  submitted: "The session was submitted.",
  time_limit: "The session's time was over. What was recorded can still be submitted.",
  operator: "The session was stopped by the staff. What was recorded can still be submitted.",
};

/** A reason in words, for people. */
function reasonMessage(reason: EndReason | FailReason): string {
  return { ...END_MESSAGES, ...FAIL_REASONS }[reason];
}

/**
 * A session as the api shows it.
 * @param queuePosition see queue-positions.ts
 */
export function sessionBody(row: SessionRow, queuePosition: number | null): Session {
  const self = `/v1/sessions/${row.id}`;
  return {
    id: row.id,
    user: row.userId,
    course: row.courseId,
    lab: row.lab,
    state: row.state,
    epoch: row.epoch,
    reason: row.reason,
    message: row.reason === null ? null : reasonMessage(row.reason),
    cell: row.cell,
    image: row.image,
    // Written by deriveParameters; the answer's schema checks it once more.
    parameters: row.parameters as Parameters,
    how: row.how,
    startMs: row.startMs,
    submission: row.submission?.id ?? null,
    record: row.record,
    forkedFrom: row.forkedFromId,
    queuePosition,
    hibernatedBytes: row.hibernatedBytes,
    createdAt: row.createdAt.toISOString(),
    readyAt: row.readyAt?.toISOString() ?? null,
    endsAt: row.endsAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    links: { self, tickets: `${self}/tickets`, submit: `${self}/submit` },
  };
}
