import { healthSchema, readinessSchema } from "@ringside/shared";
import type { Registry } from "prom-client";
import { z } from "zod";
import type { Core } from "../core.ts";
import { withDeadline } from "../deadline.ts";
import { publicAnswersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { READINESS_TIMEOUT_MS } from "../limits.ts";
import { PAGE } from "./page.ts";

type Readiness = z.infer<typeof readinessSchema>;

export function registerServiceRoutes(app: TypedApp, core: Core, registry: Registry): void {
  registerHealth(app, core);
  const open = { tags: ["service"], security: [] };

  app.get(
    "/metrics",
    {
      config: { media: "text/plain" },
      schema: { ...open, summary: "Counts and times, for Prometheus", response: publicAnswersTo(200, z.unknown()) },
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  );

  app.get(
    "/v1/openapi.json",
    { schema: { ...open, summary: "This document", response: publicAnswersTo(200, z.unknown()) } },
    async () => app.swagger(),
  );

  app.get(
    "/",
    {
      config: { media: "text/html" },
      schema: { ...open, summary: "What this server is, for people", response: publicAnswersTo(200, z.unknown()) },
    },
    async (_request, reply) => reply.type("text/html; charset=utf-8").send(PAGE),
  );
}

function registerHealth(app: TypedApp, core: Core): void {
  const open = { tags: ["service"], security: [] };

  app.get(
    "/healthz",
    { schema: { ...open, summary: "The process runs", response: publicAnswersTo(200, healthSchema) } },
    async () => ({ status: "ok" as const, version: core.version }),
  );

  app.get(
    "/readyz",
    {
      schema: {
        ...open,
        summary: "Database and queue answer",
        response: { ...publicAnswersTo(200, readinessSchema), 503: readinessSchema },
      },
    },
    async (_request, reply) => {
      const [database, redis] = await Promise.all([
        check(() => core.database.$queryRaw`SELECT 1`),
        check(() => core.redis.ping()),
      ]);
      const ready = database.ok && redis.ok && !core.closing.aborted;
      const body: Readiness = { status: ready ? "ready" : "not_ready", checks: { database, redis } };
      return reply.code(ready ? 200 : 503).send(body);
    },
  );
}

/** Says no more to the public than that a part does not answer; the log has the rest. */
async function check(ask: () => PromiseLike<unknown>): Promise<{ ok: boolean; detail: string }> {
  try {
    await withDeadline(READINESS_TIMEOUT_MS, "no answer", async () => ask());
    return { ok: true, detail: "answers" };
  } catch {
    return { ok: false, detail: "does not answer" };
  }
}
