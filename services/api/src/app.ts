import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "@fastify/type-provider-zod";
import { RingsideError } from "@ringside/shared";
import Fastify, { type FastifyInstance } from "fastify";
import { authPlugin } from "./auth/plugin.ts";
import { registerTokenRoutes } from "./auth/routes.ts";
import { registerConnectRoutes } from "./cells/connect-routes.ts";
import { registerCellRoutes } from "./cells/routes.ts";
import { registerSealKeyRoutes } from "./cells/seal-key-routes.ts";
import type { Core } from "./core.ts";
import { registerCourseRoutes } from "./courses/routes.ts";
import { registerDebuginfodRoutes } from "./debuginfod/routes.ts";
import { registerOverrideRoutes } from "./grades/override-routes.ts";
import { registerRegradeRoutes } from "./grades/regrade-routes.ts";
import { registerGradeRoutes } from "./grades/routes.ts";
import { errorHandler, notFoundHandler } from "./http/error-handler.ts";
import { registerOpenApi } from "./http/openapi.ts";
import { SERVER_OPTIONS } from "./http/server-options.ts";
import { registerImageRoutes } from "./images/routes.ts";
import { registerLabRoutes } from "./labs/routes.ts";
import { RATE_KEYS_MAX, RATE_PER_ADDRESS_MAX, RATE_WINDOW_MS } from "./limits.ts";
import { registerProgressRoutes } from "./progress/routes.ts";
import { registerMetrics } from "./service/metrics.ts";
import { registerServiceRoutes } from "./service/routes.ts";
import { registerCheckpointRoutes } from "./sessions/checkpoint-routes.ts";
import { registerForkRoutes } from "./sessions/fork-routes.ts";
import { registerMachineRoutes } from "./sessions/machine-routes.ts";
import { registerSessionRoutes } from "./sessions/routes.ts";
import { registerAnswerRoutes } from "./submissions/answer-routes.ts";
import { registerSubmissionRoutes } from "./submissions/routes.ts";

/**
 * The application, without a port: plugins first, then the routes that anybody may ask, then, behind the auth
 * plugin, all others.
 */
export async function buildApp(core: Core): Promise<FastifyInstance> {
  const app = Fastify({ ...SERVER_OPTIONS, loggerInstance: core.log }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(errorHandler);
  acceptEmptyJson(app);
  logAnswers(app);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
    },
    // TLS ends before this server; whether there is any is not ours to promise.
    strictTransportSecurity: false,
  });
  await app.register(rateLimit, {
    global: true,
    max: RATE_PER_ADDRESS_MAX,
    timeWindow: RATE_WINDOW_MS,
    cache: RATE_KEYS_MAX,
    errorResponseBuilder: (_request, { ttl }) =>
      new RingsideError("rate_limited", { retryAfterSeconds: Math.max(1, Math.ceil(ttl / 1_000)) }),
  });
  // Guessing for paths is limited like everything else.
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, notFoundHandler);
  const registry = registerMetrics(app, core.waiters);
  await registerOpenApi(app, core.version);

  await app.register(async (open) => {
    const routes = open.withTypeProvider<ZodTypeProvider>();
    registerServiceRoutes(routes, core, registry);
    if (core.debuginfod !== null) {
      registerDebuginfodRoutes(routes, core.debuginfod, core.compressed);
    }
  });
  await app.register(async (scope) => {
    await scope.register(authPlugin, { database: core.database, bursts: core.provisions });
    const closed = scope.withTypeProvider<ZodTypeProvider>();
    registerTokenRoutes(closed, core);
    registerCourseRoutes(closed, core);
    registerLabRoutes(closed, core);
    registerSessionRoutes(closed, core);
    registerMachineRoutes(closed, core);
    registerCheckpointRoutes(closed, core);
    registerForkRoutes(closed, core);
    registerConnectRoutes(closed, core);
    registerSubmissionRoutes(closed, core);
    registerAnswerRoutes(closed, core);
    registerGradeRoutes(closed, core);
    registerOverrideRoutes(closed, core);
    registerRegradeRoutes(closed, core);
    registerProgressRoutes(closed, core);
    registerCellRoutes(closed, core);
    registerSealKeyRoutes(closed, core);
    registerImageRoutes(closed, core);
  });
  return app as unknown as FastifyInstance;
}

/** Clients send `content-type: application/json` with a POST that has no body; that is no mistake. */
function acceptEmptyJson(
  app: FastifyInstance | { addContentTypeParser: FastifyInstance["addContentTypeParser"] },
): void {
  const instance = app as FastifyInstance;
  const parse = instance.getDefaultJsonParser("error", "error");
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    void parse(request, body, done);
  });
}

/** One line for each answer. The path is logged without its query, and no header is. */
function logAnswers(app: { addHook: FastifyInstance["addHook"] }): void {
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id);
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, url } = request;
    const user = request.principal?.user.id;
    const line = {
      method,
      path: url.split("?", 1)[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      user,
    };
    request.log.info(line, "answered");
  });
}
