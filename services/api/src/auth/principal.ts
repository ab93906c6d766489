import { bearerTokenSchema, RingsideError } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import type { CourseRole, SiteRole } from "../generated/enums.ts";
import { bearerTokenHash } from "./tokens.ts";

/** Who makes a request, and what they are in each of their courses. */
export interface Principal {
  readonly user: {
    readonly id: string;
    readonly name: string;
    readonly studentNumber: string | null;
    readonly siteRole: SiteRole;
  };
  readonly token: string;
  readonly roles: ReadonlyMap<string, CourseRole>;
}

const BEARER = /^Bearer +(\S+)$/i;

/**
 * Finds out who a request is from.
 * @param authorization the header's value
 * @throws RingsideError unauthenticated, the same for a token that is missing, malformed, unknown or expired
 */
export async function authenticate(database: Database, authorization: string | undefined): Promise<Principal> {
  const parsed = bearerTokenSchema.safeParse(BEARER.exec(authorization ?? "")?.[1]);
  if (!parsed.success) {
    throw new RingsideError("unauthenticated");
  }
  const token = await database.token.findUnique({
    where: { sha256: bearerTokenHash(parsed.data) },
    select: {
      id: true,
      expiresAt: true,
      user: {
        select: {
          id: true,
          name: true,
          studentNumber: true,
          siteRole: true,
          memberships: { select: { courseId: true, role: true } },
        },
      },
    },
  });
  if (token === null || (token.expiresAt !== null && token.expiresAt.getTime() <= Date.now())) {
    throw new RingsideError("unauthenticated");
  }
  const { memberships, ...user } = token.user;
  return { user, token: token.id, roles: new Map(memberships.map((row) => [row.courseId, row.role])) };
}
