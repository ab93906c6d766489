import { randomUUID } from "node:crypto";
import { ERRORS, type ErrorBody, RingsideError } from "@ringside/shared";
import Fastify, { type FastifyError, type FastifyInstance, LogController } from "fastify";
import type { Logger } from "pino";
import {
  BODY_BYTES_MAX,
  CONNECTION_CHECK_MS,
  CONNECTIONS_MAX,
  HALF_MADE_MAX,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  REQUEST_TIMEOUT_MS,
} from "../limits.ts";
import { HalfMade } from "./half-made.ts";

const FRAMEWORK_CODES: Readonly<Record<string, ConstructorParameters<typeof RingsideError>[0]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "payload_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
};

function ringsideError(error: unknown): RingsideError {
  if (error instanceof RingsideError) return error;
  const { code = "", statusCode = 500 } = error as Partial<FastifyError>;
  const known = FRAMEWORK_CODES[code];
  if (known !== undefined) return new RingsideError(known);
  return new RingsideError(statusCode < 500 ? "bad_request" : "internal", { cause: error });
}

/** The HTTP server: bounded headers, bodies, connections and times; every error has the body of errorBodySchema. */
export function createHttp(log: Logger): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
    },
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX + HALF_MADE_MAX;
  new HalfMade(app.server);
  app.setErrorHandler((cause, request, reply) => {
    const error = ringsideError(cause);
    if (error.code === "internal") request.log.error({ err: error, code: error.code }, "request failed");
    else request.log.info({ code: error.code }, "request refused");
    const { status } = ERRORS[error.code];
    if (error.retryAfterSeconds !== undefined) reply.header("retry-after", String(error.retryAfterSeconds));
    const details = error.details === undefined ? {} : { details: error.details };
    const message = error.code === "internal" ? ERRORS.internal.message : error.message;
    return reply
      .code(status)
      .send({ code: error.code, message, requestId: request.id, ...details } satisfies ErrorBody);
  });
  app.setNotFoundHandler(() => {
    throw new RingsideError("not_found");
  });
  return app;
}
