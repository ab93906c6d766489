import { type Report, SESSION_STATES, type SessionState, sessionMayGo } from "@ringside/shared";
import { type Queryable, statement } from "../database/sql.ts";
import { SESSION_STATES_OPEN } from "./transitions.ts";

/**
 * Reports that come as they should, each as one statement: a class's reports come in one burst. A statement names the
 * epoch, the states that it may leave (SESSION_TRANSITIONS) and the cell's clock, and changes nothing where one of them
 * does not fit. What such a report means is then for reports.ts to find out.
 */
interface Changed {
  readonly id: string;
}

/** A cell can only report on a job that it took from the queue, though the dispatcher may not have said so yet. */
const mayGoThroughQueued = (to: SessionState): readonly SessionState[] =>
  SESSION_STATES.filter((state) => state === "requested" || sessionMayGo(state, to));

/** `attached → ready` is presence's to tell. */
const MAY_BECOME_READY = mayGoThroughQueued("ready").filter((state) => state !== "attached");
const MAY_START = mayGoThroughQueued("starting");

const STARTING = statement<Changed>(
  "report starting",
  `UPDATE "Session" SET "state" = 'starting', "cell" = $4
   WHERE "id" = $1 AND "epoch" = $2 AND "state" = ANY ($3::"SessionState"[]) RETURNING "id"`,
);

/** A student's time begins with their first machine; how one woke says nothing about how the session was started. */
const READY = statement<Changed>(
  "report ready",
  `UPDATE "Session" SET
     "state" = CASE WHEN "debuggers" > 0 THEN 'attached'::"SessionState" ELSE 'ready'::"SessionState" END,
     "cell" = $4, "machineAtMs" = $5, "hibernatedBytes" = NULL,
     "readyAt" = coalesce("readyAt", $6),
     "endsAt" = CASE WHEN "readyAt" IS NULL THEN $6 + make_interval(mins => "sessionMinutes") ELSE "endsAt" END,
     "startMs" = CASE WHEN "how" IS NULL THEN $8 ELSE "startMs" END,
     "how" = coalesce("how", $7::"StartHow")
   WHERE "id" = $1 AND "epoch" = $2 AND "state" = ANY ($3::"SessionState"[]) AND "machineAtMs" < $5 RETURNING "id"`,
);

const PRESENCE = statement<Changed>(
  "report presence",
  `UPDATE "Session" SET "presenceAtMs" = $4, "debuggers" = $5,
     "state" = CASE
       WHEN "state" = 'ready' AND $5 > 0 THEN 'attached'::"SessionState"
       WHEN "state" = 'attached' AND $5 = 0 THEN 'ready'::"SessionState"
       ELSE "state" END
   WHERE "id" = $1 AND "epoch" = $2 AND "state" = ANY ($3::"SessionState"[]) AND "presenceAtMs" < $4 RETURNING "id"`,
);

/** @returns false where the report is of another kind or does not fit: nothing has changed then */
export async function applyUsual(sql: Queryable, report: Report): Promise<boolean> {
  const { session, epoch, cell, atMs } = report;
  switch (report.kind) {
    case "starting":
      return did(await sql.query(STARTING, [session, epoch, MAY_START, cell]));
    case "ready": {
      const { how, startMs } = report;
      return did(await sql.query(READY, [session, epoch, MAY_BECOME_READY, cell, atMs, new Date(), how, startMs]));
    }
    case "presence":
      return did(await sql.query(PRESENCE, [session, epoch, SESSION_STATES_OPEN, atMs, report.debuggers]));
    case "hibernated":
    case "reset_wanted":
    case "ended":
    case "failed":
      return false;
    default:
      return report satisfies never;
  }
}

const did = (changed: readonly Changed[]): boolean => changed.length === 1;
