import {
  createTokenAnswerSchema,
  createTokenSchema,
  newId,
  RingsideError,
  tokenIdSchema,
  tokenListSchema,
} from "@ringside/shared";
import { z } from "zod";
import { putAudit } from "../audit/audit.ts";
import type { Core } from "../core.ts";
import type { Database } from "../database/database.ts";
import type { Token } from "../generated/client.ts";
import { answersTo, nothingSchema } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { TOKENS_PER_USER_MAX } from "../limits.ts";
import { isAdmin, requireAdmin } from "./access.ts";
import { principalOf } from "./plugin.ts";
import { bearerTokenHash, newBearerToken } from "./tokens.ts";

const tokenBody = ({ id, name, createdAt, expiresAt }: Token) => ({
  id,
  name,
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt?.toISOString() ?? null,
});

export function registerTokenRoutes(app: TypedApp, { database }: Core): void {
  app.post(
    "/v1/tokens",
    {
      schema: {
        summary: "Make a further token for oneself; an admin may name another user",
        tags: ["people"],
        body: createTokenSchema,
        response: answersTo(201, createTokenAnswerSchema, "forbidden", "not_found", "quota_exceeded"),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { name, user = principal.user.id, expiresAt } = request.body;
      if (user !== principal.user.id) {
        requireAdmin(principal);
      }
      const expires = expiresAt === undefined ? null : new Date(expiresAt);
      if (expires !== null && expires.getTime() <= Date.now()) {
        throw new RingsideError("bad_request", { message: "expiresAt is in the past" });
      }
      const actor = { id: principal.user.id, requestId: request.id };
      return reply.code(201).send(await createToken(database, actor, user, name, expires));
    },
  );

  app.get(
    "/v1/tokens",
    { schema: { summary: "One's own tokens", tags: ["people"], response: answersTo(200, tokenListSchema) } },
    async (request) => {
      const userId = principalOf(request).user.id;
      const rows = await database.token.findMany({ where: { userId }, orderBy: { createdAt: "asc" } });
      return { tokens: rows.map(tokenBody) };
    },
  );

  app.delete(
    "/v1/tokens/:id",
    {
      schema: {
        summary: "Take a token back; at once",
        tags: ["people"],
        params: z.object({ id: tokenIdSchema }),
        response: answersTo(204, nothingSchema, "not_found"),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const where = isAdmin(principal) ? { id } : { id, userId: principal.user.id };
      await database.$transaction(async (tx) => {
        if ((await tx.token.deleteMany({ where })).count === 0) {
          throw new RingsideError("not_found");
        }
        await putAudit(tx, {
          actorId: principal.user.id,
          action: "token.delete",
          subject: id,
          requestId: request.id,
          details: {},
        });
      });
      return reply.code(204).send(null);
    },
  );
}

async function createToken(
  database: Database,
  actor: { readonly id: string; readonly requestId: string },
  userId: string,
  name: string,
  expiresAt: Date | null,
): Promise<z.infer<typeof createTokenAnswerSchema>> {
  const token = newBearerToken();
  return database.$transaction(async (tx) => {
    const [found] = await tx.$queryRaw<unknown[]>`SELECT 1 FROM "User" WHERE "id" = ${userId} FOR UPDATE`;
    if (found === undefined) {
      throw new RingsideError("not_found");
    }
    if ((await tx.token.count({ where: { userId } })) >= TOKENS_PER_USER_MAX) {
      throw new RingsideError("quota_exceeded", {
        message: `There are ${TOKENS_PER_USER_MAX} tokens already: delete one`,
      });
    }
    const row = await tx.token.create({
      data: { id: newId("tok"), userId, name, sha256: bearerTokenHash(token), expiresAt },
    });
    await putAudit(tx, {
      actorId: actor.id,
      action: "token.create",
      subject: row.id,
      requestId: actor.requestId,
      details: { user: userId },
    });
    return { ...tokenBody(row), token };
  });
}
