import { bearerTokenSchema, RingsideError } from "@ringside/shared";
import { type Queryable, statement } from "../database/sql.ts";
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
export async function authenticate(sql: Queryable, authorization: string | undefined): Promise<Principal> {
  const parsed = bearerTokenSchema.safeParse(BEARER.exec(authorization ?? "")?.[1]);
  if (!parsed.success) {
    throw new RingsideError("unauthenticated");
  }
  const row = await findToken(sql, bearerTokenHash(parsed.data));
  if (row === null || (row.expiresAt !== null && row.expiresAt.getTime() <= Date.now())) {
    throw new RingsideError("unauthenticated");
  }
  const { token, expiresAt: _, roles, ...user } = row;
  return { user, token, roles: new Map(Object.entries(roles)) };
}

interface TokenRow {
  readonly token: string;
  readonly expiresAt: Date | null;
  readonly id: string;
  readonly name: string;
  readonly studentNumber: string | null;
  readonly siteRole: SiteRole;
  readonly roles: Readonly<Record<string, CourseRole>>;
}

const FIND_TOKEN = statement<TokenRow>(
  "find token",
  `SELECT t."id" AS "token", t."expiresAt", u."id", u."name", u."studentNumber", u."siteRole"::text,
     (SELECT coalesce(json_object_agg(m."courseId", m."role"), '{}') FROM "Membership" m WHERE m."userId" = u."id")
       AS "roles"
   FROM "Token" t JOIN "User" u ON u."id" = t."userId" WHERE t."sha256" = $1`,
);

/** Every request begins with this. */
async function findToken(sql: Queryable, sha256: string): Promise<TokenRow | null> {
  const [row] = await sql.query(FIND_TOKEN, [sha256]);
  return row ?? null;
}
