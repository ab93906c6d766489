import { hasZodFastifySchemaValidationErrors } from "@fastify/type-provider-zod";
import { ERRORS, type ErrorBody, type ErrorCode, RingsideError } from "@ringside/shared";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { isStoreOutage } from "../database/outage.ts";
import { ERROR_ISSUES_MAX, STORE_RETRY_AFTER_SECONDS } from "../limits.ts";

/**
 * Every error leaves the api through here: as the table's row for its code, with the request's id, never with a
 * stack or the text of an error that we did not write.
 */
export function errorHandler(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toRingsideError(error);
  const { status, fault } = ERRORS[known.code];
  const line = { err: error, code: known.code };
  if (status >= 500 && fault !== "client") {
    request.log.error(line, known.message);
  } else {
    request.log.info({ code: known.code, details: known.details }, known.message);
  }
  return sendError(reply, known);
}

export function notFoundHandler(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendError(reply, new RingsideError("not_found"));
}

function sendError(reply: FastifyReply, error: RingsideError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) {
    void reply.header("retry-after", String(error.retryAfterSeconds));
  }
  if (error.code === "unauthenticated") {
    void reply.header("www-authenticate", "Bearer");
  }
  return (
    reply
      .code(ERRORS[error.code].status)
      .type("application/json; charset=utf-8")
      // Past the route's own serializer, which knows only the bodies that it lists.
      .serializer((body: ErrorBody) => JSON.stringify(body))
      .send(errorBody(error, reply.request.id))
  );
}

export function errorBody(error: RingsideError, requestId: string): ErrorBody {
  return {
    code: error.code,
    message: error.message,
    requestId,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

/** Fastify's own errors, by their status. */
const CODES_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  413: "payload_too_large",
  415: "unsupported_media_type",
  404: "not_found",
  429: "rate_limited",
};

/** Translates whatever was thrown. */
function toRingsideError(error: unknown): RingsideError {
  if (error instanceof RingsideError) {
    return error;
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    return inputError(error);
  }
  if (isStoreOutage(error)) {
    return new RingsideError("store_unavailable", { cause: error, retryAfterSeconds: STORE_RETRY_AFTER_SECONDS });
  }
  const { statusCode, code, message } = (error ?? {}) as Partial<FastifyError>;
  if (typeof code === "string" && code.startsWith("FST_") && statusCode !== undefined && statusCode < 500) {
    const ours = CODES_BY_STATUS[statusCode] ?? "bad_request";
    // The texts of these are fixed or name a header; they never hold a body.
    return new RingsideError(ours, ours === "bad_request" && message ? { message, cause: error } : { cause: error });
  }
  if (error instanceof SyntaxError && statusCode === 400) {
    return new RingsideError("bad_request", { message: "The body is not valid JSON", cause: error });
  }
  return new RingsideError("internal", { cause: error });
}

interface Issue {
  readonly instancePath: string;
  readonly message?: string | undefined;
}

function inputError(error: {
  readonly validation: readonly Issue[];
  readonly validationContext?: unknown;
}): RingsideError {
  const where = String(error.validationContext ?? "request");
  const issues = error.validation.slice(0, ERROR_ISSUES_MAX).map((issue) => ({
    path: `${where}${issue.instancePath === "/" ? "" : issue.instancePath}`,
    message: issue.message ?? "is not valid",
  }));
  const [first] = issues;
  const message = first === undefined ? {} : { message: `The request is not valid: ${first.path}: ${first.message}` };
  return new RingsideError("bad_request", { ...message, details: { issues } });
}
