import { Readable } from "node:stream";
import {
  labProgressQuerySchema,
  labProgressSchema,
  RingsideError,
  slugSchema,
  timelineQuerySchema,
  timelineSchema,
} from "@ringside/shared";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { requireStaff } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { requireCourse } from "../courses/routes.ts";
import type { LabOfCourse } from "../grades/regrades.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { TRACE_STORE_BYTES_MAX } from "../limits.ts";
import { needSession, sessionParams } from "../sessions/requests.ts";
import { type Asked, labProgress, timelineOf } from "./lab-progress.ts";

const labParams = z.object({ course: slugSchema, lab: slugSchema });
const TRACE_MEDIA = "application/x-ndjson";

/**
 * What instructors watch. A session's progress is staff's alone: whoever could ask for their own would try answers
 * until one is right.
 */
export function registerProgressRoutes(app: TypedApp, core: Core): void {
  const { database } = core;
  const needLab = async (request: FastifyRequest): Promise<LabOfCourse> => {
    const of = labParams.parse(request.params);
    requireStaff(principalOf(request), of.course);
    await requireCourse(database, of.course);
    return of;
  };
  const asked = (request: FastifyRequest): Asked => ({
    user: principalOf(request).user.id,
    signal: AbortSignal.any([request.signal, core.closing]),
  });

  app.get(
    "/v1/courses/:course/labs/:lab/progress",
    {
      schema: {
        summary: "How far each student's running or last session has come (the course's instructors)",
        tags: ["submissions"],
        params: labParams,
        querystring: labProgressQuerySchema,
        response: answersTo(200, labProgressSchema, "forbidden", "not_found", "lab_invalid"),
      },
    },
    async (request) => labProgress(core, await needLab(request), request.query.minutes, asked(request)),
  );

  app.get(
    "/v1/courses/:course/labs/:lab/timeline",
    {
      schema: {
        summary: "One student's sessions of a lab, and when each check was first met (the course's instructors)",
        tags: ["submissions"],
        params: labParams,
        querystring: timelineQuerySchema,
        response: answersTo(200, timelineSchema, "forbidden", "not_found", "lab_invalid"),
      },
    },
    async (request) => timelineOf(core, await needLab(request), request.query.user, asked(request)),
  );

  registerTrace(app, core);
}

function registerTrace(app: TypedApp, { database, cellClient, traces, closing }: Core): void {
  app.get(
    "/v1/sessions/:id/trace",
    {
      config: { media: TRACE_MEDIA },
      schema: {
        summary: "The session's recording as far as it goes, one JSON event a line",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(200, z.unknown(), "not_found", "session_not_ready", "cell_unreachable", "trace_damaged"),
      },
    },
    async (request, reply) => {
      const { row } = await needSession(database, principalOf(request), request.params.id);
      void reply.type(TRACE_MEDIA);
      if (row.submission !== null) {
        const submission = await database.submission.findUniqueOrThrow({ where: { id: row.submission.id } });
        return reply.send((await traces.read(submission.traceDigest)).stream);
      }
      if (row.cell === null) {
        throw new RingsideError("session_not_ready", { retryAfterSeconds: 1 });
      }
      const signal = AbortSignal.any([request.signal, closing]);
      const user = principalOf(request).user.id;
      const body = await cellClient.downloadTrace({ session: row.id, cell: row.cell, user, signal });
      return reply.send(Readable.from(bounded(body), { objectMode: false }));
    },
  );
}

/** @throws RingsideError trace_full, which breaks the answer off */
async function* bounded(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > TRACE_STORE_BYTES_MAX) {
      throw new RingsideError("trace_full");
    }
    yield chunk;
  }
}
