import { createHash } from "node:crypto";
import type { Image } from "@ringside/image";
import { newId, RingsideError } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database, Transaction } from "../database/database.ts";
import type { Course } from "../generated/client.ts";
import type { LabDefinition } from "../labs/lab-folder.ts";
import {
  NO_CAPACITY_RETRY_AFTER_SECONDS,
  QUEUE_WAIT_MS_MAX,
  SESSIONS_LIVE_MAX,
  SESSIONS_PER_USER_MAX,
} from "../limits.ts";
import { deriveParameters } from "./parameters.ts";
import { putSessionStart } from "./start.ts";
import { SESSION_STATES_OPEN } from "./transitions.ts";
import { type SessionRow, sessionInclude } from "./view.ts";

/**
 * Makes a session: one transaction writes the Session, its outbox row and the Idempotency-Key. The user's row is
 * locked first, so that of identical requests at the same moment one makes the session and the others find it,
 * and quotas cannot be overrun.
 */
export interface ProvisionRequest {
  readonly principal: Principal;
  readonly idempotencyKey: string;
  /** The validated body, from which the digest is made that a second request must repeat. */
  readonly body: { readonly lab: string; readonly course?: string | undefined };
  readonly course: Course;
  readonly lab: LabDefinition;
  readonly image: Image;
  readonly requestId: string;
}

export async function provisionSession(database: Database, request: ProvisionRequest): Promise<SessionRow> {
  return database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${request.principal.user.id} FOR UPDATE`;
    const before = await findByKey(tx, request);
    if (before !== null) {
      return before;
    }
    await requireQuota(tx, request);
    return writeSession(tx, request);
  });
}

/**
 * The session that a request with the same key and body made before, or null.
 * @throws RingsideError idempotency_mismatch where the key was used with another body
 */
export async function findByKey(
  tx: Pick<Transaction, "idempotencyKey">,
  { principal, idempotencyKey, body }: Pick<ProvisionRequest, "principal" | "idempotencyKey" | "body">,
): Promise<SessionRow | null> {
  const row = await tx.idempotencyKey.findUnique({
    where: { userId_key: { userId: principal.user.id, key: idempotencyKey } },
    include: { session: { include: sessionInclude } },
  });
  if (row !== null && row.bodySha256 !== bodyDigest(body)) {
    throw new RingsideError("idempotency_mismatch");
  }
  return row?.session ?? null;
}

function bodyDigest({ lab, course }: ProvisionRequest["body"]): string {
  return createHash("sha256")
    .update(JSON.stringify([lab, course ?? null]))
    .digest("hex");
}

async function requireQuota(tx: Transaction, { principal, course, lab }: ProvisionRequest): Promise<void> {
  const open = { state: { in: [...SESSION_STATES_OPEN] } };
  const own = await tx.session.findMany({ where: { ...open, userId: principal.user.id } });
  const same = own.find((session) => session.courseId === course.id && session.lab === lab.lab);
  if (same !== undefined) {
    throw new RingsideError("conflict", {
      message: `You have a session of ${lab.lab} already (${same.id}): connect to it, or stop it first`,
      details: { session: same.id },
    });
  }
  if (own.length >= SESSIONS_PER_USER_MAX) {
    throw new RingsideError("quota_exceeded", {
      message: `You have ${own.length} sessions, as many as you may have at a time: stop one first`,
      details: { sessions: own.map((session) => session.id) },
      retryAfterSeconds: NO_CAPACITY_RETRY_AFTER_SECONDS,
    });
  }
  // Others may count at the same moment: the limit guards the server, not a promise, and may be passed by a few.
  if ((await tx.session.count({ where: open })) >= SESSIONS_LIVE_MAX) {
    throw new RingsideError("no_capacity", { retryAfterSeconds: NO_CAPACITY_RETRY_AFTER_SECONDS });
  }
}

async function writeSession(tx: Transaction, request: ProvisionRequest): Promise<SessionRow> {
  const { principal, course, lab, image } = request;
  const now = Date.now();
  const { session_minutes: minutes, memory_mib: memoryMib } = lab.file.limits;
  const student = principal.user.studentNumber ?? principal.user.id;
  const session = await tx.session.create({
    data: {
      id: newId("ses"),
      userId: principal.user.id,
      courseId: course.id,
      lab: lab.lab,
      image: image.manifest.digest,
      memoryMib,
      sessionMinutes: minutes,
      parameters: deriveParameters({ secret: course.secret, student, lab: lab.lab }, lab.file.parameters),
      createdAt: new Date(now),
      notAfter: new Date(now + QUEUE_WAIT_MS_MAX),
      endsAt: new Date(now + minutes * 60_000),
    },
    include: sessionInclude,
  });
  await tx.idempotencyKey.create({
    data: {
      userId: principal.user.id,
      key: request.idempotencyKey,
      bodySha256: bodyDigest(request.body),
      sessionId: session.id,
    },
  });
  await putSessionStart(tx, session);
  await putAudit(tx, {
    actorId: principal.user.id,
    action: "session.create",
    subject: session.id,
    requestId: request.requestId,
    details: { lab: lab.lab, course: course.id },
  });
  return session;
}
