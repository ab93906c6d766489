import { RingsideError, sha256Schema, submissionIdSchema } from "@ringside/shared";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { isAdmin, taughtCourses } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Principal } from "../auth/principal.ts";
import type { Core } from "../core.ts";
import type { Database } from "../database/database.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import type { RecordingStore } from "./recording-store.ts";
import { needSubmission } from "./requests.ts";

const MEDIA = "application/octet-stream";
const recordingParams = z.object({ id: submissionIdSchema, epoch: z.coerce.number().int().min(1) });
const templateParams = z.object({ sha256: sha256Schema });

export function registerRecordingRoutes(app: TypedApp, { database, recordings }: Core): void {
  app.get(
    "/v1/submissions/:id/recordings/:epoch",
    {
      config: { media: MEDIA },
      schema: {
        summary: "The replay log of one of the submission's machines",
        tags: ["submissions"],
        params: recordingParams,
        response: answersTo(200, z.unknown(), "not_found"),
      },
    },
    async (request, reply) => {
      const { id, epoch } = request.params;
      const submission = await needSubmission(database, principalOf(request), id);
      const recording = submission.recordings.find((one) => one.epoch === epoch);
      const file = recording === undefined ? null : await recordings.readRecording(recording.sha256);
      return sendFile(reply, file, recording?.sha256);
    },
  );

  app.get(
    "/v1/templates/:sha256",
    {
      config: { media: MEDIA },
      schema: {
        summary: "The template that recorded machines started from, as an archive for replays",
        tags: ["submissions"],
        params: templateParams,
        response: answersTo(200, z.unknown(), "not_found"),
      },
    },
    async (request, reply) => {
      const { sha256 } = request.params;
      await requireTemplate(database, principalOf(request), sha256);
      return sendFile(reply, await recordings.readTemplate(sha256), sha256);
    },
  );
}

/** Only through a submission that names it. @throws RingsideError not_found */
async function requireTemplate(database: Database, principal: Principal, template: string): Promise<void> {
  const mine = [{ userId: principal.user.id }, { courseId: { in: [...taughtCourses(principal)] } }];
  const submission = isAdmin(principal) ? {} : { OR: mine };
  if ((await database.submissionRecording.findFirst({ where: { template, submission } })) === null) {
    throw new RingsideError("not_found");
  }
}

function sendFile(
  reply: FastifyReply,
  file: Awaited<ReturnType<RecordingStore["readRecording"]>>,
  tag: string | undefined,
): FastifyReply {
  if (file === null) {
    throw new RingsideError("not_found");
  }
  return reply.header("etag", `"${tag}"`).header("content-length", file.bytes).type(MEDIA).send(file.stream);
}
