import { createHash } from "node:crypto";
import type { Image } from "@ringside/image";
import { newId, RingsideError } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database, Transaction } from "../database/database.ts";
import type { Course } from "../generated/client.ts";
import type { LabDefinition } from "../labs/lab-folder.ts";
import { QUEUE_WAIT_MS_MAX } from "../limits.ts";
import { requireRoom, type SessionBounds } from "./admission.ts";
import { deriveParameters } from "./parameters.ts";
import { putSessionStart } from "./start.ts";
import { type SessionRow, sessionInclude } from "./view.ts";

/**
 * Makes a session: one transaction writes the Session, its outbox row and the Idempotency-Key. The user's row is
 * locked first, so that of identical requests at the same moment one makes the session and the others find it,
 * and quotas cannot be overrun.
 */
export interface ProvisionRequest extends KeyedRequest {
  readonly course: Course;
  readonly lab: LabDefinition;
  readonly image: Image;
  readonly requestId: string;
}

/** What an Idempotency-Key stands for. */
export interface KeyedRequest {
  readonly principal: Principal;
  readonly idempotencyKey: string;
  /** sha256 of what the request asks for, which a second one with the same key must repeat: `digestOf`. */
  readonly digest: string;
}

export interface Provisioned {
  readonly row: SessionRow;
  /** In the queue; null for a session that was made before. */
  readonly position: number | null;
}

export async function provisionSession(
  database: Database,
  request: ProvisionRequest,
  bounds: SessionBounds,
): Promise<Provisioned> {
  const { principal, course, lab } = request;
  const asked = { user: principal.user.id, course: course.id, lab: lab.lab, isFork: false };
  return database.$transaction(async (tx) => {
    await lockUser(tx, principal.user.id);
    const before = await findByKey(tx, request);
    if (before !== null) {
      return { row: before, position: null };
    }
    const { position } = await requireRoom(tx, { ...asked, labSessionsMax: lab.file.limits.sessions }, bounds);
    return { row: await writeSession(tx, request), position };
  });
}

/** Until the transaction ends nobody else makes a session for this user. */
export async function lockUser(tx: Transaction, user: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${user} FOR UPDATE`;
}

/**
 * The session that a request with the same key and body made before, or null.
 * @throws RingsideError idempotency_mismatch where the key was used with another body
 */
export async function findByKey(
  tx: Pick<Transaction, "idempotencyKey" | "session">,
  { principal, idempotencyKey, digest }: KeyedRequest,
): Promise<SessionRow | null> {
  const row = await tx.idempotencyKey.findUnique({
    where: { userId_key: { userId: principal.user.id, key: idempotencyKey } },
  });
  if (row === null) {
    return null;
  }
  if (row.bodySha256 !== digest) {
    throw new RingsideError("idempotency_mismatch");
  }
  return tx.session.findUnique({ where: { id: row.sessionId }, include: sessionInclude });
}

/** @param what the parts of the request that make it what it is */
export function digestOf(...what: readonly (string | null | undefined)[]): string {
  return createHash("sha256")
    .update(JSON.stringify(what.map((part) => part ?? null)))
    .digest("hex");
}

export async function putKey(tx: Transaction, request: KeyedRequest, sessionId: string): Promise<void> {
  const { principal, idempotencyKey: key, digest: bodySha256 } = request;
  await tx.idempotencyKey.create({ data: { userId: principal.user.id, key, bodySha256, sessionId } });
}

async function writeSession(tx: Transaction, request: ProvisionRequest): Promise<SessionRow> {
  const { principal, course, lab, image } = request;
  const now = Date.now();
  const { limits, record } = lab.file;
  const student = principal.user.studentNumber ?? principal.user.id;
  const session = await tx.session.create({
    data: {
      id: newId("ses"),
      userId: principal.user.id,
      courseId: course.id,
      lab: lab.lab,
      image: image.manifest.digest,
      memoryMib: limits.memory_mib,
      sessionMinutes: limits.session_minutes,
      record,
      cpuPercent: limits.cpu_percent,
      // A recorded machine cannot be saved.
      idleMinutes: record ? 0 : limits.idle_minutes,
      parameters: deriveParameters({ secret: course.secret, student, lab: lab.lab }, lab.file.parameters),
      createdAt: new Date(now),
      notAfter: new Date(now + QUEUE_WAIT_MS_MAX),
      endsAt: new Date(now + limits.session_minutes * 60_000),
    },
  });
  await putKey(tx, request, session.id);
  await putSessionStart(tx, session);
  await putAudit(tx, {
    actorId: principal.user.id,
    action: "session.create",
    subject: session.id,
    requestId: request.requestId,
    details: { lab: lab.lab, course: course.id },
  });
  return { ...session, submission: null };
}
