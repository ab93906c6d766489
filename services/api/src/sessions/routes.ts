import {
  createSessionSchema,
  RingsideError,
  type SessionState,
  sessionIsFinal,
  sessionListQuerySchema,
  sessionListSchema,
  sessionSchema,
  startJobId,
  waitQuerySchema,
} from "@ringside/shared";
import { requireOwner } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { needOffer } from "../labs/offers.ts";
import { startQueue } from "../outbox/outbox.ts";
import { restartSession, stopSession } from "./changes.ts";
import { listSessions } from "./list.ts";
import { digestOf, findByKey, type Provisioned, provisionSession } from "./provision.ts";
import { queuePositions } from "./queue-positions.ts";
import { bodyOf, idempotencyHeaders, needSession, sessionParams } from "./requests.ts";
import { sessionBody } from "./view.ts";

export function registerSessionRoutes(app: TypedApp, core: Core): void {
  registerCreate(app, core);
  registerReads(app, core);
  registerChanges(app, core);
}

function registerCreate(app: TypedApp, core: Core): void {
  const { database, labs, images, outbox, provisions, bounds } = core;
  app.post(
    "/v1/sessions",
    {
      config: { comesInBursts: true },
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
          "queue_full",
          "image_missing",
          "no_capacity",
        ),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { body } = request;
      const digest = digestOf(body.lab, body.course);
      const asked = { principal, idempotencyKey: request.headers["idempotency-key"], digest };
      const { row, position } = await provisions.run(async (): Promise<Provisioned> => {
        try {
          const offer = await needOffer(database.sql, principal, body.lab, body.course);
          const lab = await labs.load(offer.lab);
          const image = await images.need(lab.file.image);
          const whole = { ...asked, course: offer.course, lab, image, requestId: request.id };
          return await provisionSession(database, whole, bounds);
        } catch (error) {
          // A repeated request gets its answer even when the lab has gone since.
          const before = error instanceof RingsideError ? await findByKey(database.sql, asked) : null;
          if (before === null) {
            throw error;
          }
          return { row: before, position: null };
        }
      });
      outbox.kick();
      return reply.code(202).send(position === null ? await bodyOf(database, row) : sessionBody(row, position));
    },
  );
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
      const positions = await queuePositions(database, rows);
      return { sessions: rows.map((row) => sessionBody(row, positions.get(row.id) ?? null)) };
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
      const { row, position } = await waiters.wait({
        id,
        ms: request.query.wait_ms,
        signal: request.signal,
        load: () => needSession(database, principal, id),
        done: (found) => !isUnderWay(found.row.state),
      });
      return sessionBody(row, position);
    },
  );
}

function registerChanges(app: TypedApp, { database, outbox, queues, cells, waiters, log }: Core): void {
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
        await queues
          .remove(startQueue(after.startCell), startJobId({ session: id, epoch: after.epoch }))
          .catch((error: unknown) => {
            log.debug({ err: error, session: id }, "the start job of a stopped session could not be removed");
          });
      }
      return reply.code(202).send(sessionBody(after, null));
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
      const { row: before } = await needSession(database, principal, id);
      requireOwner(principal, before);
      // With Redis away nobody knows; the reconciler lets other cells have the job if its own stays away.
      const cellIsThere = before.cell !== null && (await cells.hasRunner(before.cell).catch(() => true));
      const asked = { id, user: principal.user.id, requestId: request.id };
      const row = await restartSession(database, asked, { cellIsThere, checkpoint: null });
      outbox.kick();
      waiters.notify(id);
      return reply.code(202).send(await bodyOf(database, row));
    },
  );
}
