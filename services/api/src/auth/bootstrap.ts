import { newId } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import { bearerTokenHash } from "./tokens.ts";

/** Makes sure that an admin with this token exists: how a new server gets its first user. */
export async function ensureAdmin(database: Database, token: string): Promise<void> {
  const sha256 = bearerTokenHash(token);
  await database.$transaction(async (tx) => {
    // Replicas that start together make one admin between them.
    await tx.$executeRaw`LOCK TABLE "Token" IN SHARE ROW EXCLUSIVE MODE`;
    const known = await tx.token.findUnique({ where: { sha256 } });
    if (known !== null) {
      await tx.user.update({ where: { id: known.userId }, data: { siteRole: "admin" } });
      return;
    }
    const user = await tx.user.create({ data: { id: newId("usr"), name: "Administrator", siteRole: "admin" } });
    await tx.token.create({ data: { id: newId("tok"), userId: user.id, name: "bootstrap", sha256 } });
  });
}
