import type { IncomingMessage, ServerResponse } from "node:http";
import type { ZodTypeProvider } from "@fastify/type-provider-zod";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";

/** A Fastify instance whose routes take their types from zod schemas. */
export type TypedApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
