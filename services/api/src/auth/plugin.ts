import { ERRORS, RingsideError } from "@ringside/shared";
import type { FastifyInstance, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { Database } from "../database/database.ts";
import type { Lane } from "../lane.ts";
import { RATE_FAILED_LOGINS_MAX, RATE_PER_TOKEN_MAX, RATE_WINDOW_MS } from "../limits.ts";
import { authenticate, type Principal } from "./principal.ts";

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** A whole class asks this at once: even who they are is asked in a lane, so that others need not stand behind. */
    comesInBursts?: boolean;
  }
}

/** Who makes the request; only below the auth plugin. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) {
    throw new RingsideError("unauthenticated");
  }
  return request.principal;
}

type Limiter = ReturnType<FastifyInstance["createRateLimit"]>;

async function requireRoom(limiter: Limiter, request: FastifyRequest): Promise<void> {
  const room = await limiter(request);
  if (!room.isAllowed && room.isExceeded) {
    throw new RingsideError("rate_limited", {
      message: ERRORS.rate_limited.message,
      retryAfterSeconds: Math.max(1, Math.ceil(room.ttl / 1_000)),
    });
  }
}

/**
 * Everything in the same scope needs a bearer token. Requests are counted for each token, failed log-ins for each
 * address, so that guessing is slow and locks nobody else out.
 */
export const authPlugin = fp(
  async (app: FastifyInstance, { database, bursts }: { readonly database: Database; readonly bursts: Lane }) => {
    const perToken = app.createRateLimit({
      max: RATE_PER_TOKEN_MAX,
      timeWindow: RATE_WINDOW_MS,
      keyGenerator: (request) => `token ${principalOf(request).token}`,
    });
    const failedLogins = app.createRateLimit({
      max: RATE_FAILED_LOGINS_MAX,
      timeWindow: RATE_WINDOW_MS,
      keyGenerator: (request) => `failed ${request.ip}`,
    });
    app.decorateRequest("principal", null);
    app.addHook("onRequest", async (request) => {
      try {
        const ask = () => authenticate(database.sql, request.headers.authorization);
        request.principal = await (request.routeOptions.config.comesInBursts === true ? bursts.run(ask) : ask());
      } catch (error) {
        if (error instanceof RingsideError && error.code === "unauthenticated") {
          await requireRoom(failedLogins, request);
        }
        throw error;
      }
      await requireRoom(perToken, request);
    });
  },
  { name: "auth", dependencies: ["@fastify/rate-limit"], fastify: "5.x" },
);
