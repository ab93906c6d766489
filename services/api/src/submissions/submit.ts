import { newId, RingsideError, type SealAnswer } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { CellClient, Errand } from "../cells/client.ts";
import type { SealKeys } from "../cells/seal-keys.ts";
import type { Database } from "../database/database.ts";
import { isUniqueViolation } from "../database/outage.ts";
import { putGradeJob } from "../outbox/outbox.ts";
import { requireNoFork } from "../sessions/fork.ts";
import { endSession } from "../sessions/transitions.ts";
import type { SessionRow } from "../sessions/view.ts";
import type { RecordingStore } from "./recording-store.ts";
import { type FetchedRecordings, fetchRecordings } from "./recordings.ts";
import { requireSignature } from "./signature.ts";
import type { TraceStore } from "./trace-store.ts";
import { type SubmissionRow, submissionInclude } from "./view.ts";

/**
 * Handing a session in: seal the recording at its cell, fetch it (and the replay logs, if its machines were recorded
 * for a replay), check it, keep it; then one transaction writes the Submission, ends the session, and leaves the stop and grade jobs in the outbox. Each step may be done
 * again, so a submit that broke off anywhere is simply sent once more; the second of two gets the first's answer.
 */
export interface SubmitOptions {
  readonly database: Database;
  readonly cells: CellClient;
  readonly traces: TraceStore;
  readonly recordings: RecordingStore;
  readonly sealKeys: SealKeys;
}

export interface SubmitRequest {
  readonly session: SessionRow;
  readonly user: string;
  readonly requestId: string;
  /** Not the client's: a submit goes on when its client hangs up. */
  readonly signal: AbortSignal;
}

const FIRST_GRADE_VERSION = 1;

export async function submitSession(options: SubmitOptions, request: SubmitRequest): Promise<SubmissionRow> {
  const before = await findSubmission(options.database, request.session.id);
  if (before !== null) {
    return before;
  }
  requireNoFork(request.session);
  const fetched = await fetchTrace(options, request);
  try {
    return await writeSubmission(options.database, request, fetched);
  } catch (error) {
    const other = isUniqueViolation(error) ? await findSubmission(options.database, request.session.id) : null;
    if (other === null) {
      throw error;
    }
    return other;
  }
}

async function findSubmission(database: Database, sessionId: string): Promise<SubmissionRow | null> {
  return database.submission.findUnique({ where: { sessionId }, include: submissionInclude });
}

interface Fetched {
  readonly seal: SealAnswer;
  readonly recordings: FetchedRecordings;
}

async function fetchTrace(options: SubmitOptions, request: SubmitRequest): Promise<Fetched> {
  const { cells, traces, recordings, sealKeys } = options;
  const { session, user, signal } = request;
  if (session.cell === null) {
    throw nothingRecorded(session);
  }
  const errand: Errand = { session: session.id, cell: session.cell, user, signal };
  try {
    await sealKeys.learn(session.cell);
    const seal = await cells.seal(errand);
    await traces.put(seal, await cells.downloadTrace(errand));
    await requireSignature(traces, seal.digest, await sealKeys.of(session.cell, new Date()));
    return { seal, recordings: await fetchRecordings(cells, recordings, errand, seal) };
  } catch (error) {
    if (error instanceof RingsideError && error.code === "not_found") {
      throw nothingRecorded(session);
    }
    throw error;
  }
}

function nothingRecorded({ state }: SessionRow): RingsideError {
  if (state === "requested" || state === "queued" || state === "starting") {
    return new RingsideError("session_not_ready");
  }
  return new RingsideError("conflict", { message: "Nothing was recorded in this session: there is nothing to submit" });
}

async function writeSubmission(database: Database, request: SubmitRequest, fetched: Fetched): Promise<SubmissionRow> {
  const { seal, recordings } = fetched;
  const { session, user, requestId } = request;
  const id = newId("sub");
  return database.$transaction(async (tx) => {
    // Against a reset at the same moment: its epoch is the one to end.
    const [now] = await tx.$queryRaw<{ epoch: number; cell: string | null }[]>`
      SELECT "epoch", "cell" FROM "Session" WHERE "id" = ${session.id} FOR UPDATE`;
    const submission = await tx.submission.create({
      data: {
        id,
        sessionId: session.id,
        userId: session.userId,
        courseId: session.courseId,
        lab: session.lab,
        image: session.image,
        traceDigest: seal.digest,
        traceHead: seal.head,
        traceEvents: seal.events,
        traceBytes: seal.bytes,
        signatureWanted: true,
        recordings: { create: [...recordings.kept] },
      },
      include: submissionInclude,
    });
    await endSession(tx, {
      id: session.id,
      epoch: now?.epoch ?? session.epoch,
      outcome: { state: "ended", reason: "submitted" },
      cell: now?.cell ?? session.cell,
    });
    await putGradeJob(tx, id, FIRST_GRADE_VERSION);
    await putAudit(tx, { actorId: user, action: "session.submit", subject: session.id, requestId, details: { id } });
    for (const missing of recordings.missing) {
      const details = { ...missing, submission: id };
      await putAudit(tx, {
        actorId: null,
        action: "session.recording_missing",
        subject: session.id,
        requestId,
        details,
      });
    }
    return submission;
  });
}
