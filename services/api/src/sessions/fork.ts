import { newId, type Parameters, RingsideError } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { CellClient, ServiceRole } from "../cells/client.ts";
import type { Database, Transaction } from "../database/database.ts";
import { inPrisma } from "../database/sql.ts";
import type { Session } from "../generated/client.ts";
import { QUEUE_WAIT_MS_MAX } from "../limits.ts";
import { type AdmissionRequest, requireRoom, type SessionBounds } from "./admission.ts";
import { findByKey, type KeyedRequest, lockUser, type Provisioned, putKey } from "./provision.ts";
import { needCell, requireSavable } from "./requests.ts";
import { putSessionStart } from "./start.ts";
import type { SessionRow } from "./view.ts";

/** The name under which the cell keeps the state that a copy's start job asks for. */
const FORK_STATE = "fork";

export interface ForkOptions {
  readonly database: Database;
  readonly cells: CellClient;
  readonly bounds: SessionBounds;
  readonly onError: (error: unknown) => void;
}

export interface ForkRequest extends KeyedRequest {
  readonly original: SessionRow;
  readonly role: ServiceRole;
  readonly labSessionsMax: number | null;
  /** null: the machine as it is now. */
  readonly checkpoint: string | null;
  readonly requestId: string;
  /** Not the client's: half a copy would have to be cleared up. */
  readonly signal: AbortSignal;
}

/**
 * Copies a session for whoever asks: the cell saves the machine under the new session's id, then one transaction
 * writes the session and its start job for that cell. Where the transaction fails the cell is told to forget.
 */
export async function forkSession(options: ForkOptions, request: ForkRequest): Promise<Provisioned> {
  const { database, cells } = options;
  const before = await findByKey(database.sql, request);
  if (before !== null) {
    return { row: before, position: null };
  }
  const { original, principal, role, signal } = request;
  requireSavable(original);
  const cell = needCell(original);
  // Before the cell works for nothing; it is counted again where it counts.
  await requireRoom(database.sql, admissionOf(request), options.bounds);
  const into = newId("ses");
  const errand = { session: original.id, cell, user: principal.user.id, signal };
  await cells.machine(errand, role, { do: "fork", name: request.checkpoint, into });
  let made: Provisioned | undefined;
  try {
    made = await writeFork(options, request, { id: into, cell });
    return made;
  } finally {
    if (made?.row.id !== into) {
      const copy = { ...errand, session: into };
      await cells.machine(copy, role, { do: "forget", name: FORK_STATE }).catch(options.onError);
    }
  }
}

function admissionOf({ principal, original, labSessionsMax }: ForkRequest): AdmissionRequest {
  const { courseId: course, lab } = original;
  return { user: principal.user.id, course, lab, labSessionsMax, isFork: true };
}

async function writeFork(
  { database, bounds }: ForkOptions,
  request: ForkRequest,
  made: { readonly id: string; readonly cell: string },
): Promise<Provisioned> {
  const { principal, original } = request;
  return database.$transaction(async (tx) => {
    const sql = inPrisma(tx);
    await lockUser(sql, principal.user.id);
    const before = await findByKey(sql, request);
    if (before !== null) {
      return { row: before, position: null };
    }
    await requireRoom(sql, admissionOf(request), bounds);
    const session = await createFork(tx, request, made);
    await putKey(tx, request, session.id);
    await putSessionStart(tx, session);
    await putAudit(tx, {
      actorId: principal.user.id,
      action: "session.fork",
      subject: session.id,
      requestId: request.requestId,
      details: { from: original.id, epoch: original.epoch, checkpoint: request.checkpoint },
    });
    return { row: { ...session, submission: null }, position: null };
  });
}

async function createFork(
  tx: Transaction,
  { original, principal }: ForkRequest,
  { id, cell }: { readonly id: string; readonly cell: string },
): Promise<Session> {
  const now = Date.now();
  const { hints } = await tx.session.findUniqueOrThrow({ where: { id: original.id }, select: { hints: true } });
  return tx.session.create({
    data: {
      id,
      userId: principal.user.id,
      courseId: original.courseId,
      lab: original.lab,
      image: original.image,
      memoryMib: original.memoryMib,
      sessionMinutes: original.sessionMinutes,
      cpuPercent: original.cpuPercent,
      idleMinutes: original.idleMinutes,
      onDisconnect: original.onDisconnect,
      machineStart: original.machineStart,
      hints: hints ?? [],
      // The original's: they are in the machine's memory, and the copy shall be what it was made from.
      parameters: original.parameters as Parameters,
      forkedFromId: original.id,
      cell,
      startCell: cell,
      startState: FORK_STATE,
      createdAt: new Date(now),
      notAfter: new Date(now + QUEUE_WAIT_MS_MAX),
      endsAt: new Date(now + original.sessionMinutes * 60_000),
    },
  });
}

/** @throws RingsideError conflict */
export function requireNoFork({ forkedFromId }: Pick<Session, "forkedFromId">): void {
  if (forkedFromId !== null) {
    throw new RingsideError("conflict", {
      message: `This session is a copy of ${forkedFromId}, for looking: hand the original in`,
      details: { original: forkedFromId },
    });
  }
}
