import type { Transaction } from "../database/database.ts";
import { type Queryable, statement } from "../database/sql.ts";
import type { Prisma } from "../generated/client.ts";

export interface Deed {
  /** The user, or null for the server itself. */
  readonly actorId: string | null;
  readonly action:
    | "course.create"
    | "course.members"
    | "course.lab"
    | "token.create"
    | "token.delete"
    | "session.create"
    | "session.stop"
    | "session.reset"
    | "session.submit"
    | "session.ticket"
    | "session.end"
    | "session.hibernate"
    | "session.wake"
    | "session.pause"
    | "session.resume"
    | "session.fork"
    | "session.checkpoint"
    | "session.forget"
    | "session.restore"
    | "session.recording_missing"
    | "session.answer"
    | "cell.key_seen"
    | "cell.key_revoked"
    | "grade.override"
    | "grade.override_remove"
    | "grade.regrade"
    | "grade.regrade_apply";
  readonly subject: string;
  readonly requestId: string | null;
  readonly details: Prisma.InputJsonObject;
}

const NOTE_DEED = statement<unknown>(
  "note deed",
  `INSERT INTO "AuditRow" ("at", "actorId", "action", "subject", "requestId", "details")
   VALUES ($1, $2, $3, $4, $5, $6::jsonb)`,
);

/** Notes who did what, where that is all there is to write. */
export async function noteDeed(sql: Queryable, deed: Deed): Promise<void> {
  const { actorId, action, subject, requestId, details } = deed;
  await sql.query(NOTE_DEED, [new Date(), actorId, action, subject, requestId, JSON.stringify(details)]);
}

/** Notes who did what, in the transaction of the deed. */
export async function putAudit(tx: Pick<Transaction, "auditRow">, deed: Deed): Promise<void> {
  await tx.auditRow.create({ data: deed });
}
