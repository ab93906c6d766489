import { type Queryable, statement } from "../database/sql.ts";
import type { SessionRow } from "./view.ts";

/** A session as the hot paths read it: one statement for the row, its submission and its place in the queue. */
const COLUMNS = [
  ...["id", "userId", "courseId", "lab", "state", "epoch", "reason", "detail", "cell", "image", "memoryMib"],
  ...["sessionMinutes", "parameters", "how", "startMs", "debuggers", "hibernatedBytes", "record", "cpuPercent"],
  ...[
    "idleMinutes",
    "onDisconnect",
    "machineStart",
    "forkedFromId",
    "startCell",
    "startState",
    "createdAt",
    "notAfter",
    "readyAt",
    "endsAt",
    "endedAt",
  ],
] as const satisfies readonly Exclude<keyof SessionRow, "submission">[];

/** In a statement, of the table under this name. */
export const sessionColumns = (table: string): string => COLUMNS.map((column) => `${table}."${column}"`).join(", ");

/** What `sessionColumns` give. */
export type SessionColumns = Omit<SessionRow, "submission">;

interface ReadRow extends SessionColumns {
  readonly submissionId: string | null;
  readonly position: number | null;
}

export interface FoundSession {
  readonly row: SessionRow;
  /** In the queue, 1 is next: see queue-positions.ts. Null for a session that does not wait. */
  readonly position: number | null;
}

const READ_SESSION = statement<ReadRow>(
  "read session",
  `SELECT ${sessionColumns("s")}, b."id" AS "submissionId",
     CASE WHEN s."state" IN ('requested', 'queued') THEN (
       SELECT count(*)::int FROM "Session" o
       WHERE o."state" IN ('requested', 'queued') AND o."startCell" IS NOT DISTINCT FROM s."startCell"
         AND (o."notAfter", o."id") <= (s."notAfter", s."id")
     ) END AS "position"
   FROM "Session" s LEFT JOIN "Submission" b ON b."sessionId" = s."id" WHERE s."id" = $1`,
);

/** The session with this id, or null. */
export async function readSession(sql: Queryable, id: string): Promise<FoundSession | null> {
  const [found] = await sql.query(READ_SESSION, [id]);
  if (found === undefined) {
    return null;
  }
  const { submissionId, position, ...columns } = found;
  return { row: { ...columns, submission: submissionId === null ? null : { id: submissionId } }, position };
}
