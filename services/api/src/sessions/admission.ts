import assert from "node:assert/strict";
import { RingsideError } from "@ringside/shared";
import { type Queryable, statement } from "../database/sql.ts";
import {
  NO_CAPACITY_RETRY_AFTER_SECONDS,
  QUEUE_RETRY_PERCENT,
  QUEUE_RETRY_SECONDS_MAX,
  QUEUE_RETRY_SECONDS_MIN,
  QUEUE_SPEED_WINDOW_MS,
} from "../limits.ts";

/** How many sessions there may be at a time. */
export interface SessionBounds {
  readonly perUser: number;
  /** On the server, those with a machine or waiting for one. */
  readonly live: number;
  readonly hibernated: number;
  /** Waiting for a machine. */
  readonly queued: number;
}

export interface AdmissionRequest {
  readonly user: string;
  readonly course: string;
  readonly lab: string;
  /** Sessions of the lab over all students; null: no such limit. */
  readonly labSessionsMax: number | null;
  /** A copy: it may stand beside another session of the same lab. */
  readonly isFork: boolean;
}

interface Count {
  readonly own: readonly {
    readonly id: string;
    readonly course: string;
    readonly lab: string;
    readonly fork: boolean;
  }[];
  readonly live: number;
  readonly hibernated: number;
  readonly queued: number;
  readonly ofLab: number;
}

/**
 * Says no where there is no room for another session of this user. With the user's row locked their own quota cannot
 * be overrun; the other limits guard the server and are no promise: several users at the same moment may pass them by
 * a few.
 * @returns the position that the session will have in the queue
 * @throws RingsideError conflict, quota_exceeded, no_capacity, queue_full
 */
export async function requireRoom(
  tx: Queryable,
  request: AdmissionRequest,
  bounds: SessionBounds,
): Promise<{ readonly position: number }> {
  const count = await countSessions(tx, request);
  refuseSecondOfLab(count, request);
  if (count.own.length >= bounds.perUser) {
    throw new RingsideError("quota_exceeded", {
      message: `You have ${count.own.length} sessions, as many as you may have at a time: stop one first`,
      details: { sessions: count.own.map((session) => session.id) },
      retryAfterSeconds: NO_CAPACITY_RETRY_AFTER_SECONDS,
    });
  }
  if (request.labSessionsMax !== null && count.ofLab >= request.labSessionsMax) {
    throw new RingsideError("quota_exceeded", {
      message: `${request.lab} has ${count.ofLab} open sessions, as many as it may have at a time: try again when one has ended`,
      retryAfterSeconds: NO_CAPACITY_RETRY_AFTER_SECONDS,
    });
  }
  if (count.live >= bounds.live || count.hibernated >= bounds.hibernated) {
    throw new RingsideError("no_capacity", { retryAfterSeconds: NO_CAPACITY_RETRY_AFTER_SECONDS });
  }
  if (count.queued >= bounds.queued) {
    throw new RingsideError("queue_full", {
      message: `All machines are taken and ${count.queued} sessions wait for one: try again later`,
      details: { queued: count.queued },
      retryAfterSeconds: queueRetrySeconds(count.queued, await startsLately(tx)),
    });
  }
  return { position: count.queued + 1 };
}

function refuseSecondOfLab({ own }: Count, { course, lab, isFork }: AdmissionRequest): void {
  const same = own.find((session) => session.course === course && session.lab === lab && !session.fork);
  if (same !== undefined && !isFork) {
    throw new RingsideError("conflict", {
      message: `You have a session of ${lab} already (${same.id}): connect to it, or stop it first`,
      details: { session: same.id },
    });
  }
}

const COUNT_SESSIONS = statement<Count>(
  "count sessions",
  `SELECT
     coalesce(json_agg(json_build_object('id', "id", 'course', "courseId", 'lab', "lab",
       'fork', "forkedFromId" IS NOT NULL)) FILTER (WHERE "userId" = $1), '[]') AS "own",
     (count(*) FILTER (WHERE "state" <> 'hibernated'))::int AS "live",
     (count(*) FILTER (WHERE "state" = 'hibernated'))::int AS "hibernated",
     (count(*) FILTER (WHERE "state" IN ('requested', 'queued')))::int AS "queued",
     (count(*) FILTER (WHERE "lab" = $2))::int AS "ofLab"
   FROM "Session" WHERE "state" IN ('requested', 'queued', 'starting', 'ready', 'attached', 'hibernated')`,
);

async function countSessions(tx: Queryable, { user, lab }: AdmissionRequest): Promise<Count> {
  const [count] = await tx.query(COUNT_SESSIONS, [user, lab]);
  assert(count !== undefined, "a count has one row");
  return count;
}

const COUNT_STARTS = statement<{ readonly starts: number }>(
  "count starts",
  `SELECT count(*)::int AS "starts" FROM "Session" WHERE "readyAt" > $1`,
);

async function startsLately(tx: Queryable): Promise<number> {
  const [count] = await tx.query(COUNT_STARTS, [new Date(Date.now() - QUEUE_SPEED_WINDOW_MS)]);
  return count?.starts ?? 0;
}

/**
 * When somebody who finds the queue full should come back: when a share of it has moved on, at its present speed.
 * @param starts machines that became ready within QUEUE_SPEED_WINDOW_MS
 */
export function queueRetrySeconds(queued: number, starts: number): number {
  const secondsEach = QUEUE_SPEED_WINDOW_MS / 1_000 / Math.max(1, starts);
  const seconds = Math.ceil(queued * (QUEUE_RETRY_PERCENT / 100) * secondsEach);
  return Math.min(QUEUE_RETRY_SECONDS_MAX, Math.max(QUEUE_RETRY_SECONDS_MIN, seconds));
}
