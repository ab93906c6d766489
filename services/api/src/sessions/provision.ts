import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Image } from "@ringside/image";
import { newId, RingsideError } from "@ringside/shared";
import type { Deed } from "../audit/audit.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database, Transaction } from "../database/database.ts";
import { type Queryable, statement } from "../database/sql.ts";
import type { Course } from "../generated/client.ts";
import { hintsOf } from "../labs/hints.ts";
import type { LabDefinition } from "../labs/lab-folder.ts";
import { QUEUE_WAIT_MS_MAX } from "../limits.ts";
import { startRow } from "../outbox/outbox.ts";
import { requireRoom, type SessionBounds } from "./admission.ts";
import { deriveParameters } from "./parameters.ts";
import { readSession, type SessionColumns, sessionColumns } from "./session-row.ts";
import { startJobOf } from "./start.ts";
import type { SessionRow } from "./view.ts";

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
  return database.sql.transaction(async (tx) => {
    await lockUser(tx, principal.user.id);
    const before = await findByKey(tx, request);
    if (before !== null) {
      return { row: before, position: null };
    }
    const { position } = await requireRoom(tx, { ...asked, labSessionsMax: lab.file.limits.sessions }, bounds);
    return { row: await writeSession(tx, request), position };
  });
}

const LOCK_USER = statement<unknown>("lock user", `SELECT 1 FROM "User" WHERE "id" = $1 FOR UPDATE`);

/** Until the transaction ends nobody else makes a session for this user. */
export async function lockUser(tx: Queryable, user: string): Promise<void> {
  await tx.query(LOCK_USER, [user]);
}

const FIND_KEY = statement<{ readonly bodySha256: string; readonly sessionId: string }>(
  "find key",
  `SELECT "bodySha256", "sessionId" FROM "IdempotencyKey" WHERE "userId" = $1 AND "key" = $2`,
);

/**
 * The session that a request with the same key and body made before, or null.
 * @throws RingsideError idempotency_mismatch where the key was used with another body
 */
export async function findByKey(
  tx: Queryable,
  { principal, idempotencyKey, digest }: KeyedRequest,
): Promise<SessionRow | null> {
  const [known] = await tx.query(FIND_KEY, [principal.user.id, idempotencyKey]);
  if (known === undefined) {
    return null;
  }
  if (known.bodySha256 !== digest) {
    throw new RingsideError("idempotency_mismatch");
  }
  return (await readSession(tx, known.sessionId))?.row ?? null;
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

/** Its row, its key, its start job and the deed: four inserts, one round trip. */
const WRITE_SESSION = statement<SessionColumns>(
  "write session",
  `WITH "made" AS (
     INSERT INTO "Session" ("id", "userId", "courseId", "lab", "image", "memoryMib", "sessionMinutes", "record",
       "cpuPercent", "idleMinutes", "parameters", "createdAt", "notAfter", "endsAt", "onDisconnect", "hints",
       "machineStart")
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, $14, $24::"OnDisconnect", $25::jsonb,
       $26::"MachineStart")
     RETURNING ${sessionColumns('"Session"')}
   ), "key" AS (
     INSERT INTO "IdempotencyKey" ("userId", "key", "bodySha256", "sessionId", "createdAt")
     VALUES ($2, $15, $16, $1, $12)
   ), "job" AS (
     INSERT INTO "OutboxRow" ("queue", "name", "jobId", "payload", "createdAt")
     VALUES ($17, $18, $19, $20::jsonb, $12)
   ), "deed" AS (
     INSERT INTO "AuditRow" ("at", "actorId", "action", "subject", "requestId", "details")
     VALUES ($12, $2, $21, $1, $22, $23::jsonb)
   )
   SELECT * FROM "made"`,
);

async function writeSession(tx: Queryable, request: ProvisionRequest): Promise<SessionRow> {
  const { principal, course, lab, image } = request;
  const now = Date.now();
  const { limits, record } = lab.file;
  const machineStart = lab.file.machine.start;
  const { id: user, studentNumber } = principal.user;
  const seed = { secret: course.secret, user, studentNumber, lab: lab.lab };
  const session = {
    id: newId("ses"),
    epoch: 1,
    userId: principal.user.id,
    lab: lab.lab,
    image: image.manifest.digest,
    memoryMib: limits.memory_mib,
    record,
    cpuPercent: limits.cpu_percent,
    // What cannot be saved: a recorded machine, and one without a template.
    idleMinutes: record || machineStart === "power_on" ? 0 : limits.idle_minutes,
    onDisconnect: lab.file.debugger.on_disconnect,
    machineStart,
    hints: hintsOf(lab),
    parameters: deriveParameters(seed, lab.file.parameters, lab.tables),
    notAfter: new Date(now + QUEUE_WAIT_MS_MAX),
    startCell: null,
    startState: null,
  };
  const { id, userId, memoryMib, cpuPercent, idleMinutes, parameters, notAfter } = session;
  const endsAt = new Date(now + limits.session_minutes * 60_000);
  const job = startRow(session.startCell, startJobOf(session));
  const action: Deed["action"] = "session.create";
  const [row] = await tx.query(WRITE_SESSION, [
    ...[id, userId, course.id, session.lab, session.image, memoryMib, limits.session_minutes, record, cpuPercent],
    ...[idleMinutes, JSON.stringify(parameters), new Date(now), notAfter, endsAt],
    ...[request.idempotencyKey, request.digest],
    ...[job.queue, job.name, job.jobId, JSON.stringify(job.payload)],
    ...[action, request.requestId, JSON.stringify({ lab: lab.lab, course: course.id })],
    ...[session.onDisconnect, JSON.stringify(session.hints), machineStart],
  ]);
  assert(row !== undefined, "an insert gives its row");
  return { ...row, submission: null };
}
