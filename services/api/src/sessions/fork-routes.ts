import { forkSchema, sessionSchema } from "@ringside/shared";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { forkSession } from "./fork.ts";
import { ERRAND_CODES } from "./machine-routes.ts";
import { digestOf } from "./provision.ts";
import { bodyOf, idempotencyHeaders, needSession, sessionParams } from "./requests.ts";

export function registerForkRoutes(app: TypedApp, core: Core): void {
  const { database, cellClient, labs, bounds, outbox, closing, log } = core;
  app.post(
    "/v1/sessions/:id/fork",
    {
      schema: {
        summary: "Copy the machine as it is, or a checkpoint, into a new session of one's own; the original goes on",
        tags: ["sessions"],
        params: sessionParams,
        headers: idempotencyHeaders,
        body: forkSchema,
        response: answersTo(
          202,
          sessionSchema,
          ...ERRAND_CODES,
          "idempotency_mismatch",
          "quota_exceeded",
          "queue_full",
        ),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { row: original, relation } = await needSession(database, principal, request.params.id);
      const checkpoint = request.body.checkpoint ?? null;
      // A copy needs nothing of the lab's files: it goes on where the original stands.
      const lab = await labs.load(original.lab).catch(() => null);
      const onError = (error: unknown): void =>
        log.warn({ err: error }, "a copy that nobody uses could not be removed");
      const { row } = await forkSession(
        { database, cells: cellClient, bounds, onError },
        {
          principal,
          idempotencyKey: request.headers["idempotency-key"],
          digest: digestOf("fork", original.id, checkpoint),
          original,
          labSessionsMax: lab?.file.limits.sessions ?? null,
          role: relation === "owner" ? "driver" : "instructor",
          checkpoint,
          requestId: request.id,
          signal: closing,
        },
      );
      outbox.kick();
      return reply.code(202).send(await bodyOf(database, row));
    },
  );
}
