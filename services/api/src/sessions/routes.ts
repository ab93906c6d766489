import {
  createSessionSchema,
  RingsideError,
  type SessionState,
  START_QUEUE,
  sessionIdSchema,
  sessionIsFinal,
  sessionListQuerySchema,
  sessionListSchema,
  sessionSchema,
  startJobId,
  waitQuerySchema,
} from "@ringside/shared";
import { z } from "zod";
import { relationTo, requireOwner } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Principal } from "../auth/principal.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { needOffer } from "../labs/offers.ts";
import { IDEMPOTENCY_KEY_CHARS_MAX } from "../limits.ts";
import { resetSession, stopSession } from "./changes.ts";
import { listSessions } from "./list.ts";
import { findByKey, provisionSession } from "./provision.ts";
import { type SessionRow, sessionBody, sessionInclude } from "./view.ts";

export const sessionParams = z.object({ id: sessionIdSchema });

const idempotencyHeaders = z.object({
  "idempotency-key": z
    .string({ error: "is missing: send a random value, and the same one when you repeat the request" })
    .min(1)
    .max(IDEMPOTENCY_KEY_CHARS_MAX)
    .regex(/^[\x21-\x7e]+$/),
});

export function registerSessionRoutes(app: TypedApp, core: Core): void {
  registerCreate(app, core);
  registerReads(app, core);
  registerChanges(app, core);
}

function registerCreate(app: TypedApp, { database, labs, images, outbox }: Core): void {
  app.post(
    "/v1/sessions",
    {
      schema: {
        summary: "Ask for a machine; the same Idempotency-Key and body always answer the same session",
        tags: ["sessions"],
        headers: idempotencyHeaders,
        body: createSessionSchema,
        response: answersTo(
          202,
          sessionSchema,
          "not_found",
          "conflict",
          "idempotency_mismatch",
          "lab_invalid",
          "quota_exceeded",
          "image_missing",
          "no_capacity",
        ),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { body } = request;
      const asked = { principal, idempotencyKey: request.headers["idempotency-key"], body };
      // First of all: a repeated request gets its answer even when the lab has gone since.
      const before = await findByKey(database, asked);
      if (before !== null) {
        return reply.code(202).send(sessionBody(before));
      }
      const offer = await needOffer(database, principal, body.lab, body.course);
      const lab = await labs.load(offer.lab);
      const image = await images.need(lab.file.image);
      const row = await provisionSession(database, {
        ...asked,
        course: offer.course,
        lab,
        image,
        requestId: request.id,
      });
      outbox.kick();
      return reply.code(202).send(sessionBody(row));
    },
  );
}

/** @throws RingsideError not_found for whoever may not know of the session */
export async function needSession(
  database: Core["database"],
  principal: Principal,
  id: string,
): Promise<{ readonly row: SessionRow; readonly relation: "owner" | "staff" }> {
  const row = await database.session.findUnique({ where: { id }, include: sessionInclude });
  const relation = relationTo(principal, row);
  if (row === null) {
    throw new RingsideError("not_found");
  }
  return { row, relation };
}

const isUnderWay = (state: SessionState): boolean =>
  state === "requested" || state === "queued" || state === "starting";

function registerReads(app: TypedApp, { database, waiters }: Core): void {
  app.get(
    "/v1/sessions",
    {
      schema: {
        summary: "One's own sessions, and those of courses that one teaches; newest first",
        tags: ["sessions"],
        querystring: sessionListQuerySchema,
        response: answersTo(200, sessionListSchema),
      },
    },
    async (request) => {
      const rows = await listSessions(database, principalOf(request), request.query);
      return { sessions: rows.map(sessionBody) };
    },
  );

  app.get(
    "/v1/sessions/:id",
    {
      schema: {
        summary: "A session; with wait_ms, as soon as it is ready or over",
        tags: ["sessions"],
        params: sessionParams,
        querystring: waitQuerySchema,
        response: answersTo(200, sessionSchema, "not_found"),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const row = await waiters.wait({
        id,
        ms: request.query.wait_ms,
        signal: request.signal,
        load: async () => (await needSession(database, principal, id)).row,
        done: (session) => !isUnderWay(session.state),
      });
      return sessionBody(row);
    },
  );
}

function registerChanges(app: TypedApp, { database, outbox, queues, waiters, log }: Core): void {
  app.delete(
    "/v1/sessions/:id",
    {
      schema: {
        summary: "End a session and its machine; what was recorded is kept",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(202, sessionSchema, "not_found"),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const { row, relation } = await needSession(database, principal, id);
      const reason = relation === "owner" ? "stopped" : "operator";
      const after = await stopSession(database, { id, user: principal.user.id, requestId: request.id, reason });
      outbox.kick();
      waiters.notify(id);
      if (!sessionIsFinal(row.state)) {
        // A job that no cell took yet need not be taken; one that was taken is ended when its cell reports.
        await queues.remove(START_QUEUE, startJobId({ session: id, epoch: after.epoch })).catch((error: unknown) => {
          log.debug({ err: error, session: id }, "the start job of a stopped session could not be removed");
        });
      }
      return reply.code(202).send(sessionBody(after));
    },
  );

  app.post(
    "/v1/sessions/:id/reset",
    {
      schema: {
        summary: "Get a fresh machine in the same session",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(202, sessionSchema, "forbidden", "not_found", "session_not_ready", "session_ended"),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id } = request.params;
      requireOwner(principal, (await needSession(database, principal, id)).row);
      const row = await resetSession(database, { id, user: principal.user.id, requestId: request.id });
      outbox.kick();
      waiters.notify(id);
      return reply.code(202).send(sessionBody(row));
    },
  );
}
