import { submissionSchema, waitQuerySchema } from "@ringside/shared";
import { z } from "zod";
import { requireOwner } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { needSession, sessionParams } from "../sessions/requests.ts";
import { registerRecordingRoutes } from "./recording-routes.ts";
import { needSubmission, submissionParams } from "./requests.ts";
import { submitSession } from "./submit.ts";
import { type SubmissionRow, submissionBody } from "./view.ts";

const TRACE_MEDIA = "application/x-ndjson";

export function registerSubmissionRoutes(app: TypedApp, core: Core): void {
  registerSubmit(app, core);
  registerReads(app, core);
  registerRecordingRoutes(app, core);
}

function registerSubmit(
  app: TypedApp,
  { database, cellClient, traces, recordings, sealKeys, outbox, waiters, closing }: Core,
): void {
  /** Of one session at a time one submit runs; the others of this process wait for it. */
  const running = new Map<string, Promise<SubmissionRow>>();

  app.post(
    "/v1/sessions/:id/submit",
    {
      schema: {
        summary: "Hand the session's recording in to be graded; the session ends",
        tags: ["submissions"],
        params: sessionParams,
        response: answersTo(
          202,
          submissionSchema,
          "forbidden",
          "not_found",
          "conflict",
          "cell_unreachable",
          "quota_exceeded",
          "storage_full",
          "trace_damaged",
          "trace_full",
        ),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { row } = await needSession(database, principal, request.params.id);
      requireOwner(principal, row);
      const submit =
        running.get(row.id) ??
        submitSession(
          { database, cells: cellClient, traces, recordings, sealKeys },
          { session: row, user: principal.user.id, requestId: request.id, signal: closing },
        ).finally(() => running.delete(row.id));
      running.set(row.id, submit);
      const submission = await submit;
      outbox.kick();
      waiters.notify(row.id);
      return reply.code(202).send(submissionBody(submission));
    },
  );
}

function registerReads(app: TypedApp, { database, traces, waiters }: Core): void {
  app.get(
    "/v1/submissions/:id",
    {
      schema: {
        summary: "A submission; with wait_ms, as soon as it is graded",
        tags: ["submissions"],
        params: submissionParams,
        querystring: waitQuerySchema,
        response: answersTo(200, submissionSchema, "not_found"),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const row = await waiters.wait({
        id,
        ms: request.query.wait_ms,
        signal: request.signal,
        load: () => needSubmission(database, principal, id),
        done: (submission) => submission.grades.length > 0,
      });
      return submissionBody(row);
    },
  );

  app.get(
    "/v1/submissions/:id/trace",
    {
      config: { media: TRACE_MEDIA },
      schema: {
        summary: "The recording that was handed in, one JSON event a line",
        tags: ["submissions"],
        params: submissionParams,
        response: answersTo(200, z.unknown(), "not_found", "trace_damaged"),
      },
    },
    async (request, reply) => {
      const row = await needSubmission(database, principalOf(request), request.params.id);
      const { bytes, stream } = await traces.read(row.traceDigest);
      void reply.header("etag", `"${row.traceDigest}"`).header("content-length", bytes).type(TRACE_MEDIA);
      return reply.send(stream);
    },
  );
}
