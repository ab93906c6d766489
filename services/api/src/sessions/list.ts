import { RingsideError, SESSION_STATES_FINAL, type sessionListQuerySchema } from "@ringside/shared";
import type { z } from "zod";
import { isAdmin, taughtCourses } from "../auth/access.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database } from "../database/database.ts";
import type { Prisma } from "../generated/client.ts";
import { SESSION_STATES_OPEN } from "./transitions.ts";
import { type SessionRow, sessionInclude } from "./view.ts";

/** What the principal may see of the sessions that the query asks for, newest first. */
export async function listSessions(
  database: Database,
  principal: Principal,
  query: z.infer<typeof sessionListQuerySchema>,
): Promise<readonly SessionRow[]> {
  const { course, lab, state, limit } = query;
  const visible = visibleTo(principal);
  const conditions: Prisma.SessionWhereInput[] = [visible];
  if (course !== undefined) {
    conditions.push({ courseId: course });
  }
  if (lab !== undefined) {
    conditions.push({ lab });
  }
  if (state !== undefined) {
    conditions.push({ state: { in: state === "final" ? [...SESSION_STATES_FINAL] : [...SESSION_STATES_OPEN] } });
  }
  if (query.before !== undefined) {
    conditions.push(await olderThan(database, query.before, visible));
  }
  return database.session.findMany({
    where: { AND: conditions },
    include: sessionInclude,
    orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    take: limit,
  });
}

function visibleTo(principal: Principal): Prisma.SessionWhereInput {
  if (isAdmin(principal)) {
    return {};
  }
  return { OR: [{ userId: principal.user.id }, { courseId: { in: [...taughtCourses(principal)] } }] };
}

async function olderThan(
  database: Database,
  id: string,
  visible: Prisma.SessionWhereInput,
): Promise<Prisma.SessionWhereInput> {
  const from = await database.session.findFirst({ where: { AND: [{ id }, visible] } });
  if (from === null) {
    throw new RingsideError("not_found", { message: "There is no session `before`, or you may not know of it" });
  }
  return { OR: [{ createdAt: { lt: from.createdAt } }, { createdAt: from.createdAt, id: { lt: from.id } }] };
}
