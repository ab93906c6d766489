import { RingsideError, type Session, sessionIdSchema, sessionIsFinal } from "@ringside/shared";
import { z } from "zod";
import { type Relation, relationTo } from "../auth/access.ts";
import type { Principal } from "../auth/principal.ts";
import type { Core } from "../core.ts";
import type { Session as SessionModel } from "../generated/client.ts";
import { IDEMPOTENCY_KEY_CHARS_MAX } from "../limits.ts";
import { queuePosition } from "./queue-positions.ts";
import { type FoundSession, readSession } from "./session-row.ts";
import { type SessionRow, sessionBody } from "./view.ts";

/** What the routes below /v1/sessions/:id have in common. */
export const sessionParams = z.object({ id: sessionIdSchema });

export const idempotencyHeaders = z.object({
  "idempotency-key": z
    .string({ error: "is missing: send a random value, and the same one when you repeat the request" })
    .min(1)
    .max(IDEMPOTENCY_KEY_CHARS_MAX)
    .regex(/^[\x21-\x7e]+$/),
});

/** @throws RingsideError not_found for whoever may not know of the session */
export async function needSession(
  database: Core["database"],
  principal: Principal,
  id: string,
): Promise<FoundSession & { readonly relation: Relation }> {
  const found = await readSession(database.sql, id);
  const relation = relationTo(principal, found?.row ?? null);
  if (found === null) {
    throw new RingsideError("not_found");
  }
  return { ...found, relation };
}

/** A session's body, with its place in the queue. */
export async function bodyOf(database: Core["database"], row: SessionRow): Promise<Session> {
  return sessionBody(row, await queuePosition(database, row));
}

/**
 * The cell of a session that has a machine, awake or asleep.
 * @throws RingsideError session_ended, session_not_ready
 */
export function needCell({ state, cell }: Pick<SessionModel, "state" | "cell">): string {
  if (sessionIsFinal(state)) {
    throw new RingsideError("session_ended");
  }
  if (cell === null || (state !== "ready" && state !== "attached" && state !== "hibernated")) {
    throw new RingsideError("session_not_ready", { retryAfterSeconds: 1 });
  }
  return cell;
}

/** @throws RingsideError conflict for a recorded machine, which QEMU cannot save */
export function requireSavable({ record }: Pick<SessionModel, "record">): void {
  if (record) {
    throw new RingsideError("conflict", {
      message: "This session is recorded for a replay: its machine cannot be saved, hibernated or copied",
    });
  }
}
