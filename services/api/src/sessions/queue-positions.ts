import type { SessionState } from "@ringside/shared";
import type { Database } from "../database/database.ts";

/**
 * How far sessions are from their turn: 1 is next. Jobs are taken in the order in which they were sent, which is that
 * of `notAfter`; a cell's own queue is a line of its own.
 */
const isQueued = (state: SessionState): boolean => state === "requested" || state === "queued";

interface Waiting {
  readonly id: string;
  readonly state: SessionState;
}

/** Positions of those that wait; asks the database only where one does. */
export async function queuePositions(
  database: Pick<Database, "$queryRaw">,
  sessions: readonly Waiting[],
): Promise<ReadonlyMap<string, number>> {
  const ids = sessions.filter(({ state }) => isQueued(state)).map(({ id }) => id);
  if (ids.length === 0) {
    return new Map();
  }
  const rows = await database.$queryRaw<{ id: string; position: number }[]>`
    SELECT "id", "position" FROM (
      SELECT "id", row_number() OVER (PARTITION BY "startCell" ORDER BY "notAfter", "id")::int AS "position"
      FROM "Session" WHERE "state" IN ('requested', 'queued')
    ) AS "line" WHERE "id" = ANY (${ids})`;
  return new Map(rows.map(({ id, position }) => [id, position]));
}

export async function queuePosition(database: Pick<Database, "$queryRaw">, session: Waiting): Promise<number | null> {
  return (await queuePositions(database, [session])).get(session.id) ?? null;
}
